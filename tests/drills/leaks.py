"""Looks for leaks after many callers who hang up at any moment.

``python -m tests.drills.leaks --calls 2000 --side 12``: callers hang up at any moment: at once, during the greeting,
after a key or a question, during the answer, on the way to the voicemail or during a message.  After every
``--rest`` calls there is a pause, in which it counts Asterisk's channels and bridges, and the worker's tasks, open
files, threads and memory.  It prints a Markdown table and exits with status 1 when one of them has grown.
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
from tests.drills.health import MORE_FILES, MORE_THREADS, Monitor, ProcessSample
from tests.drills.testbed import Needs, Testbed, open_testbed
from tests.drills.worst_day import TOURISTS, shared_rasa

QUIET_S = 12.0
"""Pause without calls before counting, in which recordings are collected and measured."""
MORE_TASKS = 3
HEADER = ("calls", "channels", "bridges", "tasks", "files", "threads", "memory of the worker")


@dataclass(frozen=True)
class Count:
    """The resources in use after ``calls`` calls, without a call."""

    calls: int
    channels: int
    bridges: int
    tasks: int
    sample: ProcessSample

    @property
    def row(self) -> str:
        """A row of the Markdown table."""
        sample = self.sample
        cells = (self.calls, self.channels, self.bridges, self.tasks, sample.files, sample.threads)
        return "| " + " | ".join(map(str, cells)) + f" | {sample.memory_mb} MB |\n"

    def grown(self, since: Count) -> bool:
        """Whether a resource has leaked since the count ``since``."""
        return (
            self.channels + self.bridges > 0
            or self.tasks > since.tasks + MORE_TASKS
            or self.sample.files > since.sample.files + MORE_FILES
            or self.sample.threads > since.sample.threads + MORE_THREADS
            or self.sample.pid != since.sample.pid
        )


def steps(rng: random.Random, number: int) -> tuple[ScenarioStep, ...]:
    """Choose what the caller ``number`` does before they hang up."""
    tourist = TOURISTS[number % len(TOURISTS)]
    key, question = Digits(tourist.key), Say(caller_wav(tourist.lang, tourist.question, tourist.voice))
    choices: tuple[tuple[ScenarioStep, ...], ...] = (
        (Wait(rng.uniform(0.0, 0.4)),),
        (Wait(rng.uniform(0.4, 4.0)),),
        (key, Wait(rng.uniform(0.0, 2.0))),
        (key, Wait(rng.uniform(0.0, 6.0))),
        (key, question, Wait(rng.uniform(0.0, 3.0))),
        (key, Wait(1.5), Digits("0"), Wait(rng.uniform(0.0, 14.0))),
    )
    return (*rng.choices(choices, weights=(3, 3, 3, 3, 1, 1))[0], HangUp())


async def place_calls(testbed: Testbed, rng: random.Random, count: int, side: int) -> None:
    """Place ``count`` calls, ``side`` at a time."""
    places = asyncio.Semaphore(side)

    async def one(number: int) -> None:
        async with places:
            await testbed.phone.call(CallSpec(testbed.to, steps(rng, number), max_s=40))

    await asyncio.gather(*map(one, range(count)))


async def count_resources(testbed: Testbed, monitor: Monitor, calls: int) -> Count:
    """Wait until no call goes on, and count."""
    await asyncio.sleep(QUIET_S)
    await monitor.leaks()  # waits until channels and bridges are gone
    sample = ProcessSample.of(testbed.service.worker_pid)
    if sample is None:
        raise SystemExit("the worker has ended")
    channels, bridges = await testbed.ari.channels(), await testbed.ari.bridges()
    tasks = int((testbed.settings.state / "tasks").read_text("ascii"))
    return Count(calls, len(channels), len(bridges), tasks, sample)


async def run(args: argparse.Namespace) -> int:
    """Run the drill; returns the exit status."""
    rng, started = random.Random(args.seed), time.monotonic()
    sys.stdout.write(f"| {' | '.join(HEADER)} |\n" + "| ---: " * len(HEADER) + "|\n")
    async with shared_rasa() as rasa, open_testbed("leaks", Needs(engine_faults=True), rasa) as testbed:
        monitor = Monitor(testbed)
        watching = asyncio.create_task(monitor.watch())
        await place_calls(testbed, rng, args.side, args.side)  # pools fill once
        counts = [await count_resources(testbed, monitor, 0)]
        sys.stdout.write(counts[0].row)
        while counts[-1].calls < args.calls:
            count = min(args.rest, args.calls - counts[-1].calls)
            await place_calls(testbed, rng, count, args.side)
            counts.append(await count_resources(testbed, monitor, counts[-1].calls + count))
            sys.stdout.write(counts[-1].row)
            sys.stdout.flush()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    grown = [count.calls for count in counts[1:] if count.grown(counts[0])]
    sys.stdout.write(
        f"\n{time.monotonic() - started:.0f} s; {f'GROWN after {grown}' if grown else 'nothing grew'}\n"
    )
    return 1 if grown else 0


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--side", type=int, default=12, help="callers at a time")
    parser.add_argument("--rest", type=int, default=250, help="calls between two counts")
    parser.add_argument("--seed", type=int, default=1)
    logging.basicConfig(level=logging.CRITICAL)
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
