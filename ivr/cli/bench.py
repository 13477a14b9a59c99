"""``ivr bench``: measurements from the audio of real calls, and of the end of turn alone."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import AsJson, exit_with, run_async, with_settings

bench = typer.Typer(no_args_is_help=True, help="Measure response times, load and the end of turn.")


@bench.command()
def turns(
    count: Annotated[int, typer.Option("--calls", help="Number of calls.")] = 20, as_json: AsJson = False
) -> None:
    """Measure the mouth-to-ear time of answers, one call after the other."""
    from ivr.simulator import latency_benchmark

    exit_with(run_async(lambda settings: latency_benchmark.turns(settings, count, as_json=as_json)))


@bench.command()
def load(
    callers: Annotated[int, typer.Option("--calls", help="Callers at the same time.")] = 10,
    minutes: Annotated[float, typer.Option(help="Length of the measurement.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Measure many callers at once: mouth-to-ear times, gaps in the sound, processor time and memory."""
    from ivr.simulator import load_benchmark

    exit_with(run_async(lambda settings: load_benchmark.load(settings, callers, minutes, as_json=as_json)))


@bench.command()
def pauses(
    count: Annotated[int, typer.Option(help="Questions of each language.")] = 16, as_json: AsJson = False
) -> None:
    """Measure the end of turn: callers cut off at a pause inside a question, and the wait after a question."""
    from ivr.evaluation import end_of_turn

    exit_with(with_settings(lambda settings: end_of_turn.run(settings, count, as_json=as_json)))
