"""``ivr bench``: measurements from the audio of real calls, and of the ear alone."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import Json, exit_with, run_async, with_settings

bench = typer.Typer(no_args_is_help=True, help="Measurements from the audio of real calls.")


@bench.command()
def turns(
    count: Annotated[int, typer.Option("--calls", help="How many calls.")] = 20, as_json: Json = False
) -> None:
    """Mouth-to-ear time of answers, one call after the other."""
    from ivr.simulator import latency_benchmark

    exit_with(run_async(lambda settings: latency_benchmark.turns(settings, count, as_json=as_json)))


@bench.command()
def load(
    callers: Annotated[int, typer.Option("--calls", help="Callers at the same time.")] = 10,
    minutes: Annotated[float, typer.Option(help="For how long.")] = 2.0,
    as_json: Json = False,
) -> None:
    """The same with many callers at once, the holes they hear, and what it costs this machine."""
    from ivr.simulator import load_benchmark as loading

    exit_with(run_async(lambda settings: loading.load(settings, callers, minutes, as_json=as_json)))


@bench.command()
def pauses(
    count: Annotated[int, typer.Option(help="Questions of each language.")] = 16, as_json: Json = False
) -> None:
    """Who is cut off when he pauses inside a question, and how long the others wait for their turn's end."""
    from ivr.evaluation import end_of_turn as pausing

    exit_with(with_settings(lambda settings: pausing.run(settings, count, as_json=as_json)))
