"""`ivr bench load`: many callers at once, measured in what they heard and in what it cost this machine."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console

from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.reporting.percentiles import Percentiles
from ivr.setup import system
from ivr.setup.progress import Task
from ivr.setup.system import PACKAGE
from ivr.simulator.caller import PlacedCall
from ivr.simulator.harness import own_instance, service_and_phone
from ivr.simulator.latency_benchmark import LONGEST_CALL_S, machine, question_call
from ivr.simulator.lightweight_line import LightweightLine
from ivr.simulator.scenario import CallReport
from ivr.simulator.softphone import Softphone, measured

GAP_S = 0.06
"""A longer gap in what the service sends is heard."""
EDGE_S = 0.05
"""A hole in words has words this close on both sides."""
SAMPLE_S = 1.0
LANGS = ("fr", "en")
PARTS = {
    "worker": "ivr.service.worker",
    "recogniser": "ivr.service.recogniser",
    "rasa": "rasa",
    "console": "ivr.console",
    "collector": "ivr.service.collector",
}
"""Our processes, by what stands in their command lines."""


@dataclass
class Cost:
    """Processor time (shares of one core) and memory (MB) of each part, sampled every second."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, list[float]] = field(default_factory=dict)

    async def watch(self, pbx: str) -> None:
        """Until cancelled; ``pbx`` stands in the command line of the service's Asterisk."""
        known: dict[int, psutil.Process] = {}
        while True:
            await asyncio.to_thread(self._sample_all, known, pbx)  # it reads all of /proc
            await asyncio.sleep(SAMPLE_S)

    def _sample_all(self, known: dict[int, psutil.Process], pbx: str) -> None:
        for process in psutil.Process().children(recursive=True):
            self._sample(known.setdefault(process.pid, process), pbx)

    def _sample(self, process: psutil.Process, pbx: str) -> None:
        try:
            part = _part(" ".join(process.cmdline()), pbx)
            self.cpu.setdefault(part, []).append(process.cpu_percent() / 100)
            self.memory.setdefault(part, []).append(process.memory_info().rss / 1e6)
        except psutil.Error:
            return  # it has just ended


@dataclass(frozen=True)
class LoadFigures:
    """What came of a load; times in seconds.

    ``failed`` calls were not answered, or a question of theirs was not; ``gaps`` counts what callers heard as
    holes, ``longest_gap`` in seconds.  ``cpu`` is in shares of one core, ``memory`` in MB, both in the middle
    of the run.
    """

    calls: int
    failed: int
    answers: Percentiles
    greeting: Percentiles
    gaps: int
    longest_gap: float
    cpu: dict[str, float]
    memory: dict[str, float]


async def load(settings: Settings, callers: int, minutes: float, *, as_json: bool) -> int:
    """``callers`` telephones that call again and again for ``minutes``; 1 when a call failed.

    However slow that makes it, nobody is kept out.
    """
    if callers < 1 or minutes <= 0:
        raise UsageError("write --calls from 1 up and --minutes above 0")
    settings = dataclasses.replace(
        own_instance(settings, "bench"), places=2 * callers, late_ms=round(LONGEST_CALL_S * 1000)
    )
    show, cost = Console(stderr=True), Cost()
    await asyncio.to_thread(system.add, (PACKAGE,), Task(PACKAGE, lambda share, text: None))
    with tempfile.TemporaryDirectory(prefix="accueil-load-") as folder:
        async with service_and_phone(settings, show) as phone, phone.capture(Path(folder) / "rtp") as capture:
            watching = asyncio.create_task(cost.watch(settings.pbx_inside))
            end = time.monotonic() + minutes * 60
            show.print(f"{callers} callers for {minutes:g} minutes")
            tasks = [_caller(settings, phone, number, callers, end) for number in range(callers)]
            placed = [one for found in await asyncio.gather(*tasks) for one in found]
            watching.cancel()
        reports = measured(placed, capture)  # only now: it would take the processor from what is measured
    figures = _figures(reports, cost)
    _print(figures, callers, as_json=as_json)
    return 1 if figures.failed else 0


async def _caller(
    settings: Settings, phone: Softphone, number: int, callers: int, end: float
) -> list[PlacedCall[LightweightLine]]:
    """One caller, who calls until the end; the first calls are spread over the length of a call."""
    await asyncio.sleep(number * LONGEST_CALL_S / 2 / callers)
    placed: list[PlacedCall[LightweightLine]] = []
    while time.monotonic() < end:
        lang = LANGS[number % len(LANGS)]
        placed.append(await phone.place(question_call(settings, lang, number + len(placed))))
    return placed


def _figures(reports: Sequence[CallReport], cost: Cost) -> LoadFigures:
    turns = [turn.mouth_to_ear_s for report in reports for turn in report.analysis.turns]
    greetings = [report.analysis.greeting_s for report in reports]
    gaps = [length for report in reports for length in heard_gaps(report)]
    return LoadFigures(
        calls=len(reports),
        failed=sum(not _served(report) for report in reports),
        answers=Percentiles.of([wait for wait in turns if wait is not None]),
        greeting=Percentiles.of([wait for wait in greetings if wait is not None]),
        gaps=len(gaps),
        longest_gap=round(max(gaps, default=0.0), 3),
        cpu={part: round(statistics.median(samples), 2) for part, samples in cost.cpu.items()},
        memory={part: round(max(samples)) for part, samples in cost.memory.items()},
    )


def heard_gaps(report: CallReport) -> list[float]:
    """Lengths of the holes in the service's words, in seconds; one in its silence is not heard."""

    def speaks(moment: float) -> bool:
        return any(span.start <= moment <= span.end for span in report.analysis.service)

    return [
        length
        for start, length in report.gaps
        if length > GAP_S and speaks(start - EDGE_S) and speaks(start + length + EDGE_S)
    ]


def _served(report: CallReport) -> bool:
    turns = report.analysis.turns
    return report.ok and bool(turns) and all(turn.answer_start is not None for turn in turns)


def _part(command: str, pbx: str) -> str:
    for part, mark in PARTS.items():
        if mark in command:
            return part
    if "asterisk" in command:
        return "asterisk" if pbx in command else "callers"
    return "others"


def _print(figures: LoadFigures, callers: int, *, as_json: bool) -> None:
    if as_json:
        row = dataclasses.asdict(figures) | {"callers": callers, "machine": machine()}
        sys.stdout.write(json.dumps(row) + "\n")
        return
    write = sys.stdout.write
    write(f"{callers} callers at once, {figures.calls} calls, {figures.failed} failed\n")
    for name, spread in (("mouth to ear", figures.answers), ("greeting", figures.greeting)):
        write(f"{name:13} {spread}\n")
    write(
        f"gaps over {GAP_S * 1000:.0f} ms: {figures.gaps}, the longest {figures.longest_gap * 1000:.0f} ms\n"
    )
    for part in sorted(figures.cpu):
        each = figures.cpu[part] / callers * 100
        write(
            f"{part:13} {figures.cpu[part]:.2f} cores ({each:.1f} % a call), {figures.memory[part]:.0f} MB\n"
        )
    write(f"on {machine()}\n")
