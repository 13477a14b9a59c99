"""`ivr replay` and `ivr golden`: recorded calls through today's service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ivr.cli.common import Json, exit_with, print_lines, with_settings
from ivr.core.settings import Settings

golden = typer.Typer(no_args_is_help=True, help="Recorded calls that must go on going well.")


class Replaying(TyperCommand):
    """``--ray`` may stand without an address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Writes the local address where none is."""
        spelled: list[str] = []
        for place, word in enumerate(args):
            spelled.append(word)
            following = args[place + 1] if place + 1 < len(args) else ""
            if word == "--ray" and ":" not in following and following not in ("auto", "local"):
                spelled.append("local")
        return super().parse_args(ctx, spelled)


def replay(
    calls: Annotated[list[str] | None, typer.Argument(help="Calls, by id or the beginning of it.")] = None,
    since: Annotated[str, typer.Option(help="All recorded calls of the last 90m, 36h, 7d, 2w.")] = "",
    suite: Annotated[str, typer.Option(help="The golden calls of this name.")] = "",
    engine: Annotated[str, typer.Option(help="vosk, whisper or auto; default: the one in use.")] = "",
    workers: Annotated[int, typer.Option("--jobs", help="Worker processes; default: one a core.")] = 0,
    ray: Annotated[str, typer.Option(help="On Ray: here, or at this address.")] = "",
    anew: Annotated[bool, typer.Option("--anew", help="Also what is known from an earlier run.")] = False,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit 1 if anything changed.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML to write.")] = None,
    html: Annotated[Path | None, typer.Option(help="HTML page to write.")] = None,
    as_json: Json = False,
) -> None:
    """Run recorded calls again through today's service: each turn then and now, and why it differs."""
    from ivr.evaluation.replay import command

    wanted = command.ReplaySelection(
        calls or (), since, suite, engine, workers or os.cpu_count() or 1, ray, anew, fail_on_change, as_json,
        junit, html,
    )  # fmt: skip
    exit_with(with_settings(lambda settings: command.run(settings, wanted)))


@golden.command("add")
def golden_add(
    call: Annotated[str, typer.Argument(help="A recorded call, by id or the beginning of it.")],
    name: Annotated[str, typer.Option("--set", help="The set it belongs to.")],
    note: Annotated[str, typer.Option(help="What it is there for.")] = "",
) -> None:
    """Keep a recorded call in a set, expected to go as it went."""
    from ivr.evaluation.replay import command

    with_settings(lambda settings: command.add_golden(settings, call, name, note))


@golden.command("list")
def golden_list(as_json: Json = False) -> None:
    """The sets, their calls and turns."""
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
    """Put these commands into ``ivr``."""
    app.command(cls=Replaying)(replay)
    app.add_typer(golden, name="golden")
