"""The worst day: callers call the real service while its parts are killed, stopped, slow, wrong, full or lossy.

``python -m tests.drills.worst_day --calls 200 --side 8`` runs all drills; ``--drill NAME`` (repeatable) chooses some;
``--list`` names them, and ``--sample`` runs one of each kind within 15 minutes.  Each drill starts a service of its
own and lets ``calls`` callers call it, ``side`` at a time.  It injects its fault at random moments (``--seed``),
always during calls.  It prints a Markdown table and appends one JSON line per drill to ``--json FILE``.  The exit
status is 1 when a message, a call or a resource was lost.
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
from tests.drills.account import Account, Injection, account, as_json, table
from tests.drills.drill_caller import YES, CallTrace, DrillCaller
from tests.drills.fault_injection import DRILLS, SAMPLE, Drill
from tests.drills.health import Monitor, ProcessSample
from tests.drills.testbed import Testbed, open_testbed
from tests.drills.traffic import MESSAGES
from tests.service.calls.words import ENGLISH, FRENCH

TOURISTS = (ENGLISH, FRENCH)
LEAVES_A_MESSAGE = 3
"""Every third caller asks for a person and leaves a message."""
BETWEEN_S = (12.0, 45.0)
"""Seconds from one recovery to the next fault."""
RECOVERY_S = 90.0
"""Longest wait for a recovery."""
COLLECTED_S = 60.0
CALLS, SAMPLE_CALLS = 16, 6
"""Callers in each drill, and in each of the sample."""
SPACING_S = 1.5
"""Seconds between the first calls of the callers."""


class DrillRun:
    """One drill on its testbed: ``calls`` callers, ``side`` at a time; ``seed`` sets the moments of the fault."""

    def __init__(self, drill: Drill, testbed: Testbed, calls: int, side: int, seed: int) -> None:
        self._drill, self._testbed, self._calls = drill, testbed, calls
        self._places = asyncio.Semaphore(side)
        self._side, self._rng = side, random.Random(seed)
        self._running = 0
        self._finished = False
        self.injections: list[Injection] = []

    async def run(self) -> list[CallTrace]:
        """Place all calls and inject the fault meanwhile."""
        always = self._drill.always
        if always:
            await self._drill.inject(self._testbed)
        injecting = asyncio.create_task(asyncio.sleep(0) if always else self._inject())
        callers = [asyncio.create_task(self._call(number)) for number in range(self._calls)]
        traces = await asyncio.gather(*callers)
        self._finished = True
        await injecting
        if always:
            now = time.monotonic()
            self.injections = [Injection(min(trace.began for trace in traces), now)]
        return traces

    async def _call(self, number: int) -> CallTrace:
        await asyncio.sleep(min(number, self._side) * SPACING_S)
        async with self._places:
            self._running += 1
            try:
                tourist = TOURISTS[number % len(TOURISTS)]
                caller = DrillCaller(
                    self._testbed.phone,
                    self._testbed.event_log,
                    tourist,
                    f"{tourist.prefix}9{number:07d}",
                    wants_message=number % LEAVES_A_MESSAGE == LEAVES_A_MESSAGE - 1,
                    to=self._testbed.to,
                )
                trace = await caller.call()
            finally:
                self._running -= 1
        _say(_line(trace))
        return trace

    async def _inject(self) -> None:
        while not self._finished:
            await asyncio.sleep(self._rng.uniform(*BETWEEN_S))
            if self._running < min(2, self._side) or self._finished:
                continue
            before, began = self._testbed.pids(), time.monotonic()
            _say(f"--- {self._drill.what}, during {self._running} calls")
            await self._drill.inject(self._testbed)
            self.injections.append(Injection(began, await self._recovered_at(before)))
            recovered = self.injections[-1].recovered
            took_s = (recovered or time.monotonic()) - began
            _say(f"--- {'recovered' if recovered else 'NOT recovered'} after {took_s:.1f} s")

    async def _recovered_at(self, before: tuple[int, ...]) -> float | None:
        """Wait until all parts work, in a new process where one was killed; None after ``RECOVERY_S``."""
        deadline = time.monotonic() + RECOVERY_S
        while time.monotonic() < deadline:
            renewed = not self._drill.kills or self._testbed.pids() != before
            if renewed and await self._testbed.is_working():
                return time.monotonic()
            await asyncio.sleep(0.1)
        return None


async def run_drill(name: str, calls: int, side: int, seed: int, rasa_url: str, *, keep: bool) -> Account:
    """Run the drill ``name``, from the start of its service to the report."""
    drill = DRILLS[name]
    _say(f"=== {name}: {drill.what}")
    async with open_testbed(name, drill.needs, rasa_url, keep=keep) as testbed:
        monitor = Monitor(testbed)
        watching = asyncio.create_task(monitor.watch())
        drill_run = DrillRun(drill, testbed, calls, side, seed)
        traces = await drill_run.run()
        await _collected(testbed, traces)
        leaks = await monitor.leaks()
        watching.cancel()
        first, last = monitor.first, ProcessSample.of(testbed.service.worker_pid)
        memory = (first.memory_mb if first else 0, last.memory_mb if last else 0)
        found = await asyncio.to_thread(
            account,
            name,
            drill,
            traces=traces,
            injections=drill_run.injections,
            event_log=testbed.event_log,
            leaks=leaks,
            memory_mb=memory,
            others_cpu=monitor.others_cpu,
        )
        _write_details(name, traces, testbed, found, keep=keep)
        return found


async def _collected(testbed: Testbed, traces: Sequence[CallTrace]) -> None:
    """Wait until all messages are in the store, at most ``COLLECTED_S``."""
    deadline = time.monotonic() + COLLECTED_S
    left = {trace.number for trace in traces if trace.message_s}
    while time.monotonic() < deadline:
        await asyncio.sleep(2.0)
        with contextlib.suppress(SQLAlchemyError, StoreError):  # the database may still be down
            kept = {row.number for row in await asyncio.to_thread(testbed.event_log.messages)}
            if left <= kept or not testbed.event_log.uncollected() and time.monotonic() > deadline - 40:
                break
    await asyncio.sleep(5.0)


def _write_details(
    name: str, traces: Sequence[CallTrace], testbed: Testbed, found: Account, *, keep: bool
) -> None:
    """Write every call's trace and the worker's log to a file, if the drill failed or with ``keep``."""
    if found.passed and not keep:
        return
    kept = {row.number: row.seconds for row in testbed.event_log.messages()}
    lines = []
    for trace in traces:
        lines.append(f"{_line(trace)}  kept {kept.get(trace.number, '-')}")
        lines += [f"    {line}" for line in trace.notes]
        lines += [f"    {item.t:6.1f} {item.event}"[:220] for item in testbed.event_log.story(trace.number)]
    log = testbed.settings.state / "logs/worker.log"
    lines += log.read_text("utf-8", "replace").splitlines()[-400:]
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"worst-day-{name}.txt"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    _say(f"    details: {path}")


def _line(trace: CallTrace) -> str:
    waits = " ".join(f"{span.start:.1f}-{span.end:.1f}" for span in trace.waits if span.end - span.start > 2)
    endings = (
        (trace.answered, "answered"),
        (trace.message_s > 0, f"message {trace.message_s:.1f} s"),
        (trace.gave_up, "gave up"),
        (trace.line_dead, "line dead"),
    )
    ended = next((text for applies, text in endings if applies), "?")
    return f"{trace.number} rang {trace.rings}, {trace.ended - trace.began:5.1f} s, {ended}; silent {waits or '-'}"


@contextlib.asynccontextmanager
async def shared_rasa() -> AsyncIterator[str]:
    """Run one Rasa for all drills that leave it alone, and yield its address."""
    settings = dataclasses.replace(
        own_instance(config.load(), f"drill-rasa-{os.getpid()}"), rasa_port=free_port()
    )
    try:
        async with RasaServer(settings):
            yield settings.rasa
    finally:
        await asyncio.to_thread(remove, settings)


def _render_callers() -> None:
    """Render all that callers say before the first of them calls."""
    for tourist in TOURISTS:
        for text in (tourist.question, MESSAGES[tourist.lang], YES[tourist.lang]):
            caller_wav(tourist.lang, text, tourist.voice)


async def run_drills(args: argparse.Namespace) -> int:
    """Run the drills that the command line asks for."""
    await asyncio.to_thread(_render_callers)
    rows: list[Account] = []
    names = args.drill or (list(SAMPLE) if args.sample else list(DRILLS))
    async with contextlib.AsyncExitStack() as stack:
        shared = not all(DRILLS[name].needs.own_rasa for name in names)
        rasa_url = await stack.enter_async_context(shared_rasa()) if shared else ""
        for name in names:
            rows.append(await run_drill(name, args.calls, args.side, args.seed, rasa_url, keep=args.keep))
            if args.json:
                with args.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(as_json(rows[-1])) + "\n")
            sys.stdout.write(table(rows[-1:], DRILLS))
    sys.stdout.write("\n" + table(rows, DRILLS))
    return 0 if all(row.passed for row in rows) else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, help=f"callers in each drill, {CALLS} by default")
    parser.add_argument("--side", type=int, default=4, help="callers at a time")
    parser.add_argument("--drill", action="append", choices=list(DRILLS), help="run only this drill")
    parser.add_argument(
        "--sample", action="store_true", help="one drill of each kind, in 15 minutes: what a release needs"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="append one line per drill to this file")
    parser.add_argument("--keep", action="store_true", help="keep recordings, store and logs")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.sample and args.calls is None:
        args.calls = SAMPLE_CALLS
    args.calls = args.calls or CALLS
    if args.list:
        sys.stdout.write("".join(f"{name:18} {drill.what}\n" for name, drill in DRILLS.items()))
        return 0
    logging.basicConfig(level=logging.CRITICAL)
    return asyncio.run(run_drills(args))


if __name__ == "__main__":
    sys.exit(main())
