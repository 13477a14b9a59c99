"""``ivr callbacks``: whom we have promised to call back."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from ivr.cli.common import Json, with_settings

app = typer.Typer(invoke_without_command=True, help="Whom we have promised to call back.")

State = Annotated[str, typer.Option(help="Only those that are open, calling, done or closed.")]
By = Annotated[str, typer.Option(help="Who does it.")]
Why = Annotated[str, typer.Option("--why", help="What came of it, or why not.")]


@app.callback(invoke_without_command=True)
def callbacks(context: typer.Context, state: State = "", as_json: Json = False) -> None:
    """List the callbacks, open ones first."""
    if context.invoked_subcommand is None:
        show_all(state, as_json)


@app.command("list")
def show_all(state: State = "", as_json: Json = False) -> None:
    """List the callbacks, open ones first."""
    from ivr.cli.views import callbacks as tasks

    with_settings(lambda settings: tasks.show_all(settings, state, as_json=as_json))


@app.command()
def show(callback: str, as_json: Json = False) -> None:
    """Show one with every attempt."""
    from ivr.cli.views import callbacks as tasks

    with_settings(lambda settings: tasks.show(settings, callback, as_json=as_json))


@app.command()
def take(callback: str, by: By = "") -> None:
    """You call back yourself: no adviser is rung for it any more."""
    from ivr.cli.views import callbacks as tasks

    with_settings(lambda settings: tasks.take(settings, callback, by or getpass.getuser()))


@app.command()
def release(callback: str) -> None:
    """Give back one that was taken: advisers are rung for it again."""
    from ivr.cli.views import callbacks as tasks

    with_settings(lambda settings: tasks.release(settings, callback))


@app.command()
def done(callback: str, by: By = "", why: Why = "called back") -> None:
    """The caller was called back."""
    _finish(callback, by, why, done=True)


@app.command()
def close(callback: str, why: Annotated[str, typer.Option("--why", help="Why not.")], by: By = "") -> None:
    """The caller will not be called back, and why."""
    _finish(callback, by, why, done=False)


def _finish(callback: str, by: str, why: str, *, done: bool) -> None:
    from ivr.cli.views import callbacks as tasks

    by = by or getpass.getuser()
    with_settings(lambda settings: tasks.finish(settings, callback, by, why, done=done))
