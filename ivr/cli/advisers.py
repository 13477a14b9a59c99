"""``ivr advisers``: the advisers and their states."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import AsJson, ListByDefault, run_async
from ivr.core.vocabulary import AdviserState

app = typer.Typer(cls=ListByDefault, help="List the advisers, or set their states.")

Name = Annotated[str, typer.Argument(help="The adviser's name in callflow.yml.")]


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List the advisers with their states, and the number of waiting callers."""
    from ivr.cli.views import advisers

    run_async(lambda settings: advisers.show(settings, as_json=as_json))


@app.command()
def pause(name: Name) -> None:
    """Give an adviser a break: no calls until `resume`."""
    _set(name, AdviserState.PAUSED)


@app.command()
def away(name: Name) -> None:
    """Mark an adviser as absent: no calls until `resume`."""
    _set(name, AdviserState.AWAY)


@app.command()
def resume(name: Name) -> None:
    """Make an adviser available for calls again."""
    _set(name, AdviserState.AVAILABLE)


def _set(name: str, state: AdviserState) -> None:
    from ivr.cli.views import advisers

    run_async(lambda settings: advisers.set_state(settings, name, state))
