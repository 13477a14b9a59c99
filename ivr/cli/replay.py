"""``ivr replay`` and ``ivr golden``: recorded calls through the current service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ivr.cli.common import AsJson, CallId, Html, exit_with, print_lines, with_settings
from ivr.core.settings import Settings

golden = typer.Typer(
    no_args_is_help=True, help="Recorded calls that every publication must still serve well."
)


class ReplayCommand(TyperCommand):
    """The command ``replay``, whose option ``--ray`` takes an optional address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the local address after a ``--ray`` without one."""
        completed: list[str] = []
        for place, word in enumerate(args):
            completed.append(word)
            following = args[place + 1] if place + 1 < len(args) else ""
            if word == "--ray" and ":" not in following and following not in ("auto", "local"):
                completed.append("local")
        return super().parse_args(ctx, completed)


def replay(
    calls: Annotated[
        list[str] | None, typer.Argument(help="Ids of calls, or unique beginnings of them.")
    ] = None,
    since: Annotated[str, typer.Option(help="All recorded calls of 90m, 12h, 7d, 2w, or since a day.")] = "",
    suite: Annotated[str, typer.Option(help="The golden calls of this set.")] = "",
    engine: Annotated[str, typer.Option(help="vosk, whisper or auto; without it, the engine in use.")] = "",
    workers: Annotated[int, typer.Option("--jobs", help="Worker processes; without it, one a core.")] = 0,
    ray: Annotated[str, typer.Option(help="Run on Ray: on this machine, or at this address.")] = "",
    anew: Annotated[bool, typer.Option("--anew", help="Ignore the results of earlier runs.")] = False,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit 1 if anything changed.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML to write.")] = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Run recorded calls again through the current service, and show which turns differ and why."""
    from ivr.evaluation.replay import command

    wanted = command.ReplaySelection(
        calls or (), since, suite, engine, workers or os.cpu_count() or 1, ray, anew, fail_on_change, as_json,
        junit, html,
    )  # fmt: skip
    exit_with(with_settings(lambda settings: command.run(settings, wanted)))


@golden.command("add")
def golden_add(
    call: CallId,
    name: Annotated[str, typer.Option("--set", help="The set.")],
    note: Annotated[str, typer.Option(help="What the call tests.")] = "",
) -> None:
    """Add a recorded call to a set; a replay is expected to go as the call went."""
    from ivr.evaluation.replay import command

    with_settings(lambda settings: command.add_golden(settings, call, name, note))


@golden.command("list")
def golden_list(as_json: AsJson = False) -> None:
    """List the sets, their calls and turns."""
    from ivr.evaluation.replay import command

    def work(settings: Settings) -> None:
        rows = command.golden_rows(settings)
        if as_json:
            print_lines(rows)
            return
        for row in rows:
            typer.echo(f"{row['set']}  {row['call']}  {row['turns']} turns  {row['note']}")

    with_settings(work)


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(cls=ReplayCommand)(replay)
    app.add_typer(golden, name="golden")
