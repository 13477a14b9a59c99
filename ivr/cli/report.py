"""``ivr report``: the figures of the line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import AsJson, Html, Since, with_settings

report = typer.Typer(
    invoke_without_command=True,
    help="Report service level, waiting, containment and answer times, by language and by hour.",
)


@report.callback(invoke_without_command=True)
def _report(
    context: typer.Context,
    since: Since = "7d",
    events: Annotated[
        Path | None, typer.Option(help="Count this file of events instead of the store.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="CSV file to write.")] = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    from ivr.reporting import command

    if context.invoked_subcommand is None:
        with_settings(
            lambda settings: command.report(settings, since, events, csv_file=csv, html=html, as_json=as_json)
        )


@report.command("simulate")
def simulate(
    out: Annotated[Path, typer.Argument(help="File of events to write.")],
    seed: Annotated[int, typer.Option(help="Random seed: the same seed gives the same day.")] = 1,
    calls: Annotated[int, typer.Option(help="Expected number of calls.")] = 500,
    advisers: Annotated[int, typer.Option(help="Advisers on duty.")] = 2,
    hours: Annotated[int, typer.Option(help="Length of the day, 1 to 10.")] = 10,
) -> None:
    """Write the events of a synthetic day, to try the report on."""
    from ivr.reporting import command

    facts = {"calls": calls, "advisers": advisers, "hours": hours}
    with_settings(lambda settings: command.simulated(settings, out, seed, **facts))
