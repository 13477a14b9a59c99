"""``ivr privacy``: what is kept of callers, for how long, and what a person may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import CallId, exit_with, with_settings

app = typer.Typer(no_args_is_help=True, help="What is kept of callers: export, erase, retention, holds.")

Number = Annotated[str, typer.Argument(help="A telephone number; - reads it from standard input.")]


@app.command()
def export(
    number: Number, out: Annotated[Path, typer.Option(help="New folder to write.")] = Path("export")
) -> None:
    """Write all that is kept of a number: data.json and the sound."""
    from ivr.service import data_subject_requests

    exit_with(with_settings(lambda settings: data_subject_requests.export(settings, number, out)))


@app.command()
def erase(number: Number) -> None:
    """Delete all that is kept of a number; exit 1 when something is left."""
    from ivr.service import data_subject_requests

    exit_with(with_settings(lambda settings: data_subject_requests.erase(settings, number)))


@app.command()
def purge() -> None:
    """Delete what is past its retention now; the console does so every hour."""
    from ivr.service import data_subject_requests

    exit_with(with_settings(data_subject_requests.purge))


@app.command()
def hold(call: CallId, why: Annotated[str, typer.Option(help="The reason.")]) -> None:
    """Keep a call at any age, against erasure too."""
    from ivr.service import data_subject_requests

    exit_with(with_settings(lambda settings: data_subject_requests.hold(settings, call, why)))


@app.command()
def release(call: CallId) -> None:
    """End the hold of a call."""
    from ivr.service import data_subject_requests

    exit_with(with_settings(lambda settings: data_subject_requests.hold(settings, call, "")))


@app.command()
def holds() -> None:
    """List the calls that are held."""
    from ivr.service import data_subject_requests

    exit_with(with_settings(data_subject_requests.holds))
