"""``ivr callbacks``: callers who asked to be called back."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import AsJson, By, ListByDefault, with_settings

app = typer.Typer(cls=ListByDefault, help="List the callbacks that callers asked for, and work through them.")

CallbackId = Annotated[str, typer.Argument(help="A callback's id, or a unique beginning of it.")]


@app.command("list")
def show_all(
    state: Annotated[str, typer.Option(help="Only those that are open, calling, done or closed.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the callbacks, open ones first."""
    from ivr.cli.views import callbacks

    with_settings(lambda settings: callbacks.show_all(settings, state, as_json=as_json))


@app.command()
def show(callback: CallbackId, as_json: AsJson = False) -> None:
    """Show one callback with every attempt."""
    from ivr.cli.views import callbacks

    with_settings(lambda settings: callbacks.show(settings, callback, as_json=as_json))


@app.command()
def take(callback: CallbackId, by: By) -> None:
    """Take a callback: you call back yourself, and no adviser is rung for it."""
    from ivr.cli.views import callbacks

    with_settings(lambda settings: callbacks.take(settings, callback, by))


@app.command()
def release(callback: CallbackId) -> None:
    """Give back a callback: advisers are rung for it again."""
    from ivr.cli.views import callbacks

    with_settings(lambda settings: callbacks.release(settings, callback))


@app.command()
def done(
    callback: CallbackId, by: By, why: Annotated[str, typer.Option(help="The result.")] = "called back"
) -> None:
    """End a callback: the caller was called back."""
    _finish(callback, by, why, done=True)


@app.command()
def close(callback: CallbackId, by: By, why: Annotated[str, typer.Option(help="The reason.")]) -> None:
    """Close a callback: the caller will not be called back."""
    _finish(callback, by, why, done=False)


@app.command()
def reopen(callback: CallbackId) -> None:
    """Open an ended callback again: advisers are rung for it in the next window."""
    from ivr.cli.views import callbacks

    with_settings(lambda settings: callbacks.reopen(settings, callback))


def _finish(callback: str, by: str, why: str, *, done: bool) -> None:
    from ivr.cli.views import callbacks

    with_settings(lambda settings: callbacks.finish(settings, callback, by, why, done=done))
