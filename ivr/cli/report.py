"""``ivr report``: what the line achieved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import Json, with_settings

report = typer.Typer(invoke_without_command=True, help="Service level, waiting, containment, answer times.")


@report.callback(invoke_without_command=True)
def _report(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="7d, 12h, 2w, or a day: 2026-11-01.")] = "7d",
    events: Annotated[
        Path | None, typer.Option(help="Count this file of events instead of the store.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Table to write.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page with charts to write.")] = None,
    as_json: Json = False,
) -> None:
    """What the line achieved, for all calls, by language and by hour."""
    from ivr.reporting import command

    if context.invoked_subcommand is None:
        with_settings(
            lambda settings: command.report(settings, since, events, csv_file=csv, html=html, as_json=as_json)
        )


@report.command("simulate")
def simulate(
    out: Annotated[Path, typer.Argument(help="File of events to write.")],
    seed: Annotated[int, typer.Option(help="The same seed, the same day.")] = 1,
    calls: Annotated[int, typer.Option(help="Calls expected in all.")] = 500,
    advisers: Annotated[int, typer.Option(help="Advisers on duty.")] = 2,
    hours: Annotated[int, typer.Option(help="Length of the day, 1 to 10.")] = 10,
) -> None:
    """Write the events of a day that never was, to try the report on."""
    from ivr.reporting import command

    facts = {"calls": calls, "advisers": advisers, "hours": hours}
    with_settings(lambda settings: command.simulated(settings, out, seed, **facts))
