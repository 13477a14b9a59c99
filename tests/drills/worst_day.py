"""The worst day: callers ring the real service while its parts are killed, frozen, slow, wrong, full or lossy.

``python -m tests.drills.worst_day --calls 200 --side 8`` goes through all drills, ``--drill NAME`` (more than once)
chooses; ``--list`` names them.  Each starts a service of its own, lets so many callers ring it, ``side`` at a time,
and does its harm at random moments (``--seed``), always under calls that run.  Prints a Markdown table, and one
JSON line a drill to ``--json FILE``.  Exit status 1 when a message, a call or a resource was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ivr.asterisk.config import remove
from ivr.core import settings as config
from ivr.core.errors import StoreError
from ivr.core.ports import free_port
from ivr.nlu.server import RasaServer
from ivr.simulator.harness import own_instance
from ivr.speech.caller_voices import caller_wav
from tests.drills.account import Account, Harmed, account, as_json, table
from tests.drills.guest import YES, Guest, Visit
from tests.drills.harm import DRILLS, Drill
from tests.drills.health import Monitor, Pulse
from tests.drills.stage import Stage, open_stage
from tests.drills.traffic import MESSAGES
from tests.service.calls.words import ENGLISH, FRENCH

TOURISTS = (ENGLISH, FRENCH)
LEAVES_A_MESSAGE = 3
"""Every third caller asks for a person, and leaves a message."""
BETWEEN_S = (12.0, 45.0)
"""From one harm, when all is well again, to the next."""
WELL_S = 90.0
"""Longest wait until all is well again."""
COLLECTED_S = 60.0
SPACING_S = 1.5
"""Callers do not all ring in one second."""


class Day:
    """One drill on its stage."""

    def __init__(self, drill: Drill, stage: Stage, calls: int, side: int, seed: int) -> None:
        self._drill, self._stage, self._calls = drill, stage, calls
        self._places = asyncio.Semaphore(side)
        self._side, self._dice = side, random.Random(seed)
        self._running = 0
        self._over = False
        self.harms: list[Harmed] = []

    async def passes(self) -> list[Visit]:
        """All calls, and the harm meanwhile."""
        always = self._drill.always
        if always:
            await self._drill.harm(self._stage)
        harming = asyncio.create_task(asyncio.sleep(0) if always else self._harm())
        guests = [asyncio.create_task(self._call(number)) for number in range(self._calls)]
        visits = await asyncio.gather(*guests)
        self._over = True
        await harming
        if always:
            now = time.monotonic()
            self.harms = [Harmed(min(visit.began for visit in visits), now)]
        return visits

    async def _call(self, number: int) -> Visit:
        await asyncio.sleep(min(number, self._side) * SPACING_S)
        async with self._places:
            self._running += 1
            try:
                tourist = TOURISTS[number % len(TOURISTS)]
                guest = Guest(
                    self._stage.phone, self._stage.ledger, tourist, f"{tourist.prefix}9{number:07d}",
                    wants_message=number % LEAVES_A_MESSAGE == LEAVES_A_MESSAGE - 1, to=self._stage.to,
                )  # fmt: skip
                visit = await guest.calls()
            finally:
                self._running -= 1
        _say(_line(visit))
        return visit

    async def _harm(self) -> None:
        while not self._over:
            await asyncio.sleep(self._dice.uniform(*BETWEEN_S))
            if self._running < min(2, self._side) or self._over:
                continue
            before, begun = self._stage.pids(), time.monotonic()
            _say(f"--- {self._drill.what}, under {self._running} calls")
            await self._drill.harm(self._stage)
            self.harms.append(Harmed(begun, await self._well(before)))
            well = self.harms[-1].well
            _say(
                f"--- {'well again' if well else 'NOT well'} after {(well or time.monotonic()) - begun:.1f} s"
            )

    async def _well(self, before: tuple[int, int, int]) -> float | None:
        """When all is there again, in another process where one was killed."""
        deadline = time.monotonic() + WELL_S
        while time.monotonic() < deadline:
            renewed = not self._drill.kills or self._stage.pids() != before
            if renewed and await self._stage.whole():
                return time.monotonic()
            await asyncio.sleep(0.1)
        return None


async def run(name: str, calls: int, side: int, seed: int, rasa_url: str, *, keep: bool) -> Account:
    """One drill from its service's start to the count."""
    drill = DRILLS[name]
    _say(f"=== {name}: {drill.what}")
    async with open_stage(name, drill.needs, rasa_url, keep=keep) as stage:
        monitor = Monitor(stage)
        watching = asyncio.create_task(monitor.watch())
        day = Day(drill, stage, calls, side, seed)
        visits = await day.passes()
        await _collected(stage, visits)
        leaks = await monitor.leaks()
        watching.cancel()
        first, last = monitor.first, Pulse.of(stage.service.worker_pid)
        memory = (first.memory_mb if first else 0, last.memory_mb if last else 0)
        found = await asyncio.to_thread(
            account, name, drill, visits, day.harms, stage.ledger, leaks, memory, monitor.others_cpu
        )
        _protocol(name, visits, stage, found, keep=keep)
        return found


async def _collected(stage: Stage, visits: Sequence[Visit]) -> None:
    """Until all messages are in the store, or long enough."""
    deadline = time.monotonic() + COLLECTED_S
    left = {visit.number for visit in visits if visit.message_s}
    while time.monotonic() < deadline:
        await asyncio.sleep(2.0)
        with contextlib.suppress(SQLAlchemyError, StoreError):  # the database may still be away
            kept = {row["number"] for row in await asyncio.to_thread(stage.ledger.messages)}
            if left <= kept or not stage.ledger.uncollected() and time.monotonic() > deadline - 40:
                break
    await asyncio.sleep(5.0)


def _protocol(name: str, visits: Sequence[Visit], stage: Stage, found: Account, *, keep: bool) -> None:
    """What each caller lived through, and the worker's log: of drills that did not pass, or all with ``keep``."""
    if found.passed and not keep:
        return
    kept = {row["number"]: row["seconds"] for row in stage.ledger.messages()}
    lines = []
    for visit in visits:
        lines.append(f"{_line(visit)}  kept {kept.get(visit.number, '-')}")
        lines += [f"    {what}" for what in visit.life]
        lines += [f"    {item.t:6.1f} {item.event}"[:220] for item in stage.ledger.story(visit.number)]
    log = stage.settings.state / "logs/worker.log"
    lines += log.read_text("utf-8", "replace").splitlines()[-400:]
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"worst-day-{name}.txt"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    _say(f"    what happened: {path}")


def _line(visit: Visit) -> str:
    waits = " ".join(f"{span.start:.1f}-{span.end:.1f}" for span in visit.waits if span.end - span.start > 2)
    ended = (
        "answered" if visit.answered else f"message {visit.message_s:.1f} s" if visit.message_s
        else "gave up" if visit.gave_up else "went dead" if visit.went_dead else "?"
    )  # fmt: skip
    return f"{visit.number} rang {visit.rang}, {visit.ended - visit.began:5.1f} s, {ended}; silent {waits or '-'}"


@contextlib.asynccontextmanager
async def one_rasa() -> AsyncIterator[str]:
    """For all drills that do not harm it."""
    settings = dataclasses.replace(
        own_instance(config.load(), f"drill-rasa-{os.getpid()}"), rasa_port=free_port()
    )
    try:
        async with RasaServer(settings):
            yield settings.rasa
    finally:
        await asyncio.to_thread(remove, settings)


def _speak_first() -> None:
    """All that callers say is spoken before the first of them calls."""
    for tourist in TOURISTS:
        for text in (tourist.question, MESSAGES[tourist.lang], YES[tourist.lang]):
            caller_wav(tourist.lang, text, tourist.voice)


async def day(wanted: argparse.Namespace) -> int:
    """All drills that are wanted."""
    await asyncio.to_thread(_speak_first)
    rows: list[Account] = []
    names = wanted.drill or list(DRILLS)
    async with contextlib.AsyncExitStack() as stack:
        shared = not all(DRILLS[name].needs.own_rasa for name in names)
        rasa_url = await stack.enter_async_context(one_rasa()) if shared else ""
        for name in names:
            rows.append(await run(name, wanted.calls, wanted.side, wanted.seed, rasa_url, keep=wanted.keep))
            if wanted.json:
                with wanted.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(as_json(rows[-1])) + "\n")
            sys.stdout.write(table(rows[-1:], DRILLS))
    sys.stdout.write("\n" + table(rows, DRILLS))
    return 0 if all(row.passed for row in rows) else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def main() -> int:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=16, help="callers in each drill")
    parser.add_argument("--side", type=int, default=4, help="callers at a time")
    parser.add_argument("--drill", action="append", choices=list(DRILLS), help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="append one line a drill to this file")
    parser.add_argument("--keep", action="store_true", help="keep recordings, store and logs")
    parser.add_argument("--list", action="store_true")
    wanted = parser.parse_args()
    if wanted.list:
        sys.stdout.write("".join(f"{name:18} {drill.what}\n" for name, drill in DRILLS.items()))
        return 0
    logging.basicConfig(level=logging.CRITICAL)
    return asyncio.run(day(wanted))


if __name__ == "__main__":
    sys.exit(main())
