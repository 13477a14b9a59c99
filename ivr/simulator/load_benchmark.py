"""`ivr bench load`: many callers at once; measures what they hear and what the service costs the machine."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.reporting.percentiles import Percentiles
from ivr.service import child_process
from ivr.setup import system
from ivr.setup.progress import Task
from ivr.setup.system import TCPDUMP
from ivr.simulator.caller import PlacedCall
from ivr.simulator.harness import own_instance, service_and_phone
from ivr.simulator.latency_benchmark import LONGEST_CALL_S, machine, question_call
from ivr.simulator.lightweight_line import LightweightLine
from ivr.simulator.scenario import CallReport
from ivr.simulator.softphone import Softphone, measure_calls

GAP_S = 0.06
"""Callers hear a longer gap in what the service sends."""
EDGE_S = 0.05
"""A gap is inside speech when the service speaks this shortly before and after it."""
SAMPLE_S = 1.0
LANGS = ("fr", "en")
PARTS = {
    "worker": child_process.WORKER,
    "recogniser": child_process.RECOGNISER,
    "rasa": "rasa",
    "classifier": child_process.CLASSIFIER,
    "console": child_process.CONSOLE,
    "collector": child_process.COLLECTOR,
}
"""Part of the service -> text in its command line."""


class Cost:
    """Processor time and memory of each part of the service: all processes below this one.

    pbx: a text in the command line of the service's Asterisk, unlike that of the callers' Asterisk.

    memory: the largest memory of each part, in MB.
    """

    def __init__(self, pbx: str) -> None:
        self.memory: dict[str, float] = {}
        self._pbx = pbx
        self._known: dict[psutil.Process, str] = {}  # the part of each process
        self._used_s: dict[psutil.Process, float] = {}  # user and system time up to the latest sample
        self._before_s: dict[psutil.Process, float] = {}  # the same at the first sample
        self._since = 0.0

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            await asyncio.to_thread(self.sample)  # it reads all of /proc
            await asyncio.sleep(SAMPLE_S)

    def sample(self) -> None:
        """Read all processes; the first sample begins the measurement."""
        first, self._since = not self._since, self._since or time.monotonic()
        for process in psutil.Process().children(recursive=True):
            try:
                self._read(process, first=first)
            except psutil.Error:
                continue  # it has just ended

    def seconds(self) -> dict[str, float]:
        """Return the processor time of each part since the first sample, in seconds."""
        used: dict[str, float] = {}
        for process, part in self._known.items():
            used[part] = used.get(part, 0.0) + self._used_s[process] - self._before_s[process]
        return used

    def mean(self) -> dict[str, float]:
        """Return the mean of it in cores: processor seconds a second."""
        length_s = time.monotonic() - self._since
        return {part: seconds / length_s for part, seconds in self.seconds().items()}

    def _read(self, process: psutil.Process, *, first: bool) -> None:
        times = process.cpu_times()
        if process not in self._known:
            self._known[process] = _part(" ".join(process.cmdline()), self._pbx)
            self._before_s[process] = times.user + times.system if first else 0.0
        part = self._known[process]
        self._used_s[process] = times.user + times.system
        self.memory[part] = max(self.memory.get(part, 0.0), process.memory_info().rss / 1e6)


@dataclass(frozen=True)
class LoadFigures:
    """Results of a load.

    calls: calls placed.
    failed: calls that were not answered, or in which a question was not answered.
    answers, greeting: seconds that callers waited.
    gaps, longest_gap: number of gaps inside the service's speech, and the longest in seconds.
    cpu: mean processor time of each part over the whole run, in cores.
    memory: largest memory of each part, in MB.
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
    """Let ``callers`` telephones call again and again for ``minutes`` and print the figures.

    The admission limits are lifted, so that slow answers refuse no call.
    as_json: print one JSON object instead of text.
    Returns 1 when a call failed, else 0.  Raises UsageError for impossible numbers.
    """
    if callers < 1 or minutes <= 0:
        raise UsageError("write --calls from 1 up and --minutes above 0")
    settings = dataclasses.replace(
        own_instance(settings, "bench"), places=2 * callers, late_ms=round(LONGEST_CALL_S * 1000)
    )
    console, cost = Console(stderr=True), Cost(settings.pbx_inside)
    await asyncio.to_thread(system.add, (TCPDUMP,), Task(TCPDUMP, lambda share, text: None))
    with tempfile.TemporaryDirectory(prefix="accueil-load-") as folder:
        async with (
            service_and_phone(settings, console) as phone,
            phone.capture(Path(folder) / "rtp") as capture,
        ):
            watching = asyncio.create_task(cost.watch())
            end = time.monotonic() + minutes * 60
            console.print(f"{callers} callers for {minutes:g} minutes")
            loops = [_call_repeatedly(settings, phone, number, callers, end) for number in range(callers)]
            placed = [call for calls in await asyncio.gather(*loops) for call in calls]
            watching.cancel()
            cpu = cost.mean()
        reports = measure_calls(
            placed, capture
        )  # after the load: it would take processor time from the calls
    figures = _figures(reports, cpu, cost.memory)
    _print(figures, callers, as_json=as_json)
    return 1 if figures.failed else 0


async def _call_repeatedly(
    settings: Settings, phone: Softphone, number: int, callers: int, end: float
) -> list[PlacedCall[LightweightLine]]:
    """Call again until ``end``.  The callers' first calls are spread over half the length of a call."""
    await asyncio.sleep(number * LONGEST_CALL_S / 2 / callers)
    placed: list[PlacedCall[LightweightLine]] = []
    while time.monotonic() < end:
        lang = LANGS[number % len(LANGS)]
        placed.append(await phone.place(question_call(settings, lang, number + len(placed))))
    return placed


def _figures(reports: Sequence[CallReport], cpu: dict[str, float], memory: dict[str, float]) -> LoadFigures:
    answers = [turn.mouth_to_ear_s for report in reports for turn in report.analysis.turns]
    greetings = [report.analysis.greeting_s for report in reports]
    gaps = [length for report in reports for length in heard_gaps(report)]
    return LoadFigures(
        calls=len(reports),
        failed=sum(not _answered_all(report) for report in reports),
        answers=Percentiles.of([wait for wait in answers if wait is not None]),
        greeting=Percentiles.of([wait for wait in greetings if wait is not None]),
        gaps=len(gaps),
        longest_gap=round(max(gaps, default=0.0), 3),
        cpu={part: round(cores, 3) for part, cores in cpu.items()},
        memory={part: round(largest) for part, largest in memory.items()},
    )


def heard_gaps(report: CallReport) -> list[float]:
    """Lengths in seconds of the gaps inside the service's speech; a gap in its silence is not heard."""

    def speaks(moment: float) -> bool:
        return any(span.start <= moment <= span.end for span in report.analysis.service)

    return [
        length
        for start, length in report.gaps
        if length > GAP_S and speaks(start - EDGE_S) and speaks(start + length + EDGE_S)
    ]


def _answered_all(report: CallReport) -> bool:
    turns = report.analysis.turns
    return report.ok and bool(turns) and all(turn.answer_start is not None for turn in turns)


def _part(command: str, pbx: str) -> str:
    for part, text in PARTS.items():
        if text in command:
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
            f"{part:13} {figures.cpu[part]:.3f} cores ({each:.2f} % a call), {figures.memory[part]:.0f} MB\n"
        )
    write(f"{'together':13} {sum(figures.cpu.values()):.3f} cores\n")
    write(f"on {machine()}\n")
