"""``ivr advisers``: who is there, and their states."""

from __future__ import annotations

import typer

from ivr.cli.common import Json, run_async
from ivr.core.vocabulary import AdviserState

app = typer.Typer(invoke_without_command=True, help="Advisers and their states.")


@app.callback(invoke_without_command=True)
def advisers(context: typer.Context, as_json: Json = False) -> None:
    """List the advisers with their states, and how many callers wait."""
    from ivr.cli.views import advisers as desk

    if context.invoked_subcommand is None:
        run_async(lambda settings: desk.show(settings, as_json=as_json))


@app.command("list")
def show(as_json: Json = False) -> None:
    """List the advisers with their states, and how many callers wait."""
    from ivr.cli.views import advisers as desk

    run_async(lambda settings: desk.show(settings, as_json=as_json))


@app.command()
def pause(name: str) -> None:
    """An adviser takes a break: no calls until `resume`."""
    _set(name, AdviserState.PAUSED)


@app.command()
def away(name: str) -> None:
    """An adviser is not there: no calls until `resume`."""
    _set(name, AdviserState.AWAY)


@app.command()
def resume(name: str) -> None:
    """An adviser takes calls again."""
    _set(name, AdviserState.AVAILABLE)


def _set(name: str, state: AdviserState) -> None:
    from ivr.cli.views import advisers as desk

    run_async(lambda settings: desk.set_state(settings, name, state))
