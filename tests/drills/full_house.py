"""An hour at the limit of places: callers of all kinds, more than there are places, and bursts of a hundred.

``python -m tests.drills.full_house --minutes 60 --side 14 --burst 100``: callers in five languages ask, press keys,
interrupt, say nothing, leave messages, or hang up at any moment.  Every ``--rest`` minutes a burst of callers comes
within one second.  After it the drill waits until all is quiet, and counts the resources in use, as a Markdown table.
The exit status is 1 when a resource has grown, when more callers than places were served at a time, or when a
caller heard nothing for ``DEAD_AIR_S``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import sys
import time
from collections.abc import Iterable, Sequence

from ivr.core import events
from ivr.simulator.scenario import CallReport, CallSpec, HangUp, ScenarioStep, Wait
from tests.drills import leaks
from tests.drills.health import Monitor
from tests.drills.testbed import Needs, Testbed, open_testbed
from tests.drills.traffic import CallPlanner
from tests.drills.worst_day import shared_rasa

DEAD_AIR_S = 6.0
"""Seconds from the answer within which every caller hears the service: its greeting, or that all places are taken."""
LONGEST_S = 45.0
BURST_S = 25.0
"""A caller of a burst listens for so long, which is the whole announcement that all places are taken."""
HANGS_UP = 0.4
"""Share of callers who hang up at any moment."""


class FullHouse:
    """Callers of one drill.

    testbed: the service.  side: callers at a time.  seed: chooses the callers.
    """

    def __init__(self, testbed: Testbed, side: int, seed: int) -> None:
        self._testbed, self._side = testbed, side
        self._rng, self._planner = random.Random(seed), CallPlanner(testbed.settings, seed)
        self._number = 0
        self.reports: list[CallReport] = []

    async def busy(self, seconds: float) -> None:
        """Let callers call for ``seconds``, ``side`` at a time."""
        deadline = time.monotonic() + seconds

        async def again(first: float) -> None:
            await asyncio.sleep(first)
            while time.monotonic() < deadline:
                self._number += 1
                await self._call(self._steps(self._number), LONGEST_S)

        await asyncio.gather(*(again(place * 0.5) for place in range(self._side)))

    async def burst(self, callers: int) -> None:
        """Let ``callers`` call within one second; none of them does anything but listen."""

        async def one(place: int) -> None:
            await asyncio.sleep(place / callers)
            await self._call((Wait(BURST_S), HangUp()), BURST_S + 10)

        await asyncio.gather(*map(one, range(callers)))

    def _steps(self, number: int) -> Sequence[ScenarioStep]:
        if self._rng.random() < HANGS_UP:
            return leaks.steps(self._rng, number)
        return self._planner.plan(number).steps

    async def _call(self, steps: Sequence[ScenarioStep], longest_s: float) -> None:
        spec = CallSpec(self._testbed.to, tuple(steps), max_s=longest_s)
        self.reports.append(await self._testbed.phone.call(spec))


def most_at_a_time(calls: Iterable[Sequence[events.Stamped]]) -> int:
    """Return how many callers the application had at a time at most; ``calls``: the events of each call."""
    changes: list[tuple[float, int]] = []
    for story in calls:
        present = False
        for item in story:
            if isinstance(item.event, events.CallStarted) and not present:
                changes.append((item.at, 1))
                present = True
            leaves = isinstance(item.event, events.HandOff) and not item.event.status
            if present and (leaves or isinstance(item.event, events.CallFinished)):
                changes.append((item.at, -1))
                present = False
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def in_dead_air(reports: Sequence[CallReport]) -> int:
    """Return how many of the callers who stayed long enough heard nothing from the service."""
    stayed = [report for report in reports if report.duration_s > DEAD_AIR_S]
    greetings = [report.analysis.greeting_s for report in stayed]
    return sum(greeting is None or greeting > DEAD_AIR_S for greeting in greetings)


async def run(args: argparse.Namespace) -> int:
    """Run the drill; returns the exit status."""
    sys.stdout.write(f"| {' | '.join(leaks.HEADER)} |\n" + "| ---: " * len(leaks.HEADER) + "|\n")
    async with shared_rasa() as rasa, open_testbed("full-house", Needs(engine_faults=True), rasa) as testbed:
        monitor = Monitor(testbed)
        watching = asyncio.create_task(monitor.watch())
        house = FullHouse(testbed, args.side, args.seed)
        await leaks.place_calls(testbed, random.Random(args.seed), args.side, args.side)  # pools fill once
        counts = [await leaks.count_resources(testbed, monitor, 0)]
        end = time.monotonic() + args.minutes * 60
        while time.monotonic() < end:
            await house.busy(min(args.rest * 60, end - time.monotonic()))
            await house.burst(args.burst)
            counts.append(await leaks.count_resources(testbed, monitor, len(house.reports)))
            sys.stdout.write(counts[-1].row)
            sys.stdout.flush()
        await asyncio.to_thread(testbed.event_log.look)
        most, dead = most_at_a_time(testbed.event_log.stories()), in_dead_air(house.reports)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    grown = [count.calls for count in counts[1:] if count.grown(counts[0])]
    failed = sum(not report.ok for report in house.reports)
    sys.stdout.write(
        f"\n{len(house.reports)} calls, {failed} not answered, at most {most} at a time in {args.places} places, "
        f"{dead} heard nothing; {f'GROWN after {grown}' if grown else 'nothing grew'}\n"
    )
    return 1 if grown or most > args.places or dead or failed else 0


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="length of the drill")
    parser.add_argument("--side", type=int, default=14, help="callers at a time")
    parser.add_argument("--places", type=int, default=10, help="places, as in callflow.yml")
    parser.add_argument("--burst", type=int, default=100, help="callers of a burst")
    parser.add_argument("--rest", type=float, default=6, help="minutes between two bursts")
    parser.add_argument("--seed", type=int, default=1)
    logging.basicConfig(level=logging.CRITICAL)
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
