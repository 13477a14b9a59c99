"""What a service holds on to after many callers who hang up at any moment.

``python -m tests.drills.leaks --calls 2000 --side 12``: callers hang up at once, into the greeting, after a key,
after a question, into its answer, on their way to the voicemail or while they leave a message.  After every
``--rest`` calls the line is left empty and counted: channels and bridges at Asterisk; tasks, open files, threads and
memory of the worker.  Prints a Markdown table; exit status 1 when something grew that should not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import sys
import time
from dataclasses import dataclass

from ivr.simulator.scenario import CallSpec, Digits, HangUp, Say, ScenarioStep, Wait
from ivr.speech.caller_voices import caller_wav
from tests.drills.health import MORE_FILES, MORE_THREADS, Monitor, Pulse
from tests.drills.stage import Needs, Stage, open_stage
from tests.drills.worst_day import TOURISTS, one_rasa

QUIET_S = 12.0
"""With nobody on the line, before it is counted: recordings are collected and measured meanwhile."""
MORE_TASKS = 3
HEADER = ("calls", "channels", "bridges", "tasks", "files", "threads", "memory of the worker")


@dataclass(frozen=True)
class Count:
    """Once the line was left empty; memory in MB."""

    calls: int
    channels: int
    bridges: int
    tasks: int
    pulse: Pulse

    @property
    def row(self) -> str:
        """Markdown."""
        pulse = self.pulse
        cells = (self.calls, self.channels, self.bridges, self.tasks, pulse.files, pulse.threads)
        return "| " + " | ".join(map(str, cells)) + f" | {pulse.memory_mb} MB |\n"

    def grown(self, since: Count) -> bool:
        """Whether something is left that should not be."""
        return (
            self.channels + self.bridges > 0
            or self.tasks > since.tasks + MORE_TASKS
            or self.pulse.files > since.pulse.files + MORE_FILES
            or self.pulse.threads > since.pulse.threads + MORE_THREADS
            or self.pulse.pid != since.pulse.pid
        )


def steps(dice: random.Random, number: int) -> tuple[ScenarioStep, ...]:
    """What one of them does before he hangs up."""
    tourist = TOURISTS[number % len(TOURISTS)]
    key, question = Digits(tourist.key), Say(caller_wav(tourist.lang, tourist.question, tourist.voice))
    ways: tuple[tuple[ScenarioStep, ...], ...] = (
        (Wait(dice.uniform(0.0, 0.4)),),
        (Wait(dice.uniform(0.4, 4.0)),),
        (key, Wait(dice.uniform(0.0, 2.0))),
        (key, Wait(dice.uniform(0.0, 6.0))),
        (key, question, Wait(dice.uniform(0.0, 3.0))),
        (key, Wait(1.5), Digits("0"), Wait(dice.uniform(0.0, 14.0))),
    )
    return (*dice.choices(ways, weights=(3, 3, 3, 3, 1, 1))[0], HangUp())


async def call(stage: Stage, dice: random.Random, count: int, side: int) -> None:
    """So many callers, ``side`` at a time."""
    places = asyncio.Semaphore(side)

    async def one(number: int) -> None:
        async with places:
            await stage.phone.call(CallSpec(stage.to, steps(dice, number), max_s=40))

    await asyncio.gather(*map(one, range(count)))


async def counted(stage: Stage, monitor: Monitor, calls: int) -> Count:
    """The line left empty."""
    await asyncio.sleep(QUIET_S)
    await monitor.leaks()  # waits until channels and bridges are gone
    pulse = Pulse.of(stage.service.worker_pid)
    if pulse is None:
        raise SystemExit("the worker is gone")
    channels, bridges = await stage.ari.channels(), await stage.ari.bridges()
    tasks = int((stage.settings.state / "tasks").read_text("ascii"))
    return Count(calls, len(channels), len(bridges), tasks, pulse)


async def run(wanted: argparse.Namespace) -> int:
    """All of it."""
    dice, begun = random.Random(wanted.seed), time.monotonic()
    sys.stdout.write(f"| {' | '.join(HEADER)} |\n" + "| ---: " * len(HEADER) + "|\n")
    async with one_rasa() as rasa, open_stage("leaks", Needs(sick=True), rasa) as stage:
        monitor = Monitor(stage)
        watching = asyncio.create_task(monitor.watch())
        await call(stage, dice, wanted.side, wanted.side)  # pools fill once
        counts = [await counted(stage, monitor, 0)]
        sys.stdout.write(counts[0].row)
        while counts[-1].calls < wanted.calls:
            count = min(wanted.rest, wanted.calls - counts[-1].calls)
            await call(stage, dice, count, wanted.side)
            counts.append(await counted(stage, monitor, counts[-1].calls + count))
            sys.stdout.write(counts[-1].row)
            sys.stdout.flush()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    grown = [count.calls for count in counts[1:] if count.grown(counts[0])]
    sys.stdout.write(
        f"\n{time.monotonic() - begun:.0f} s; {f'GROWN after {grown}' if grown else 'nothing grew'}\n"
    )
    return 1 if grown else 0


def main() -> int:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--side", type=int, default=12, help="callers at a time")
    parser.add_argument("--rest", type=int, default=250, help="calls between two counts")
    parser.add_argument("--seed", type=int, default=1)
    logging.basicConfig(level=logging.CRITICAL)
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
