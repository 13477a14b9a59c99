"""What a service holds on to, seen from outside: channels and bridges at Asterisk, and the worker's own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import psutil

from ivr.core.errors import AriError
from tests.drills.stage import Stage

EVERY_S = 2.0
SETTLED_S = 5.0
"""A worker that has been there so long has loaded what it loads."""
EMPTY_S = 40.0
"""Longest wait until what the last calls held is given back."""
MORE_FILES, MORE_THREADS = 12, 12
"""So many more are no leak: pools of threads and connections that fill up once (ctranslate2, SQLAlchemy, httpx)."""


@dataclass(frozen=True)
class Pulse:
    """The worker's open files and sockets, threads, and memory in MB."""

    pid: int
    files: int
    threads: int
    memory_mb: int

    @classmethod
    def of(cls, pid: int) -> Pulse | None:
        """None when there is no such process."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                return cls(
                    pid, process.num_fds(), process.num_threads(), process.memory_info().rss // 1_000_000
                )
        return None


def _busy_s() -> float:
    """Seconds of all cores that were not idle."""
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - times.iowait)


class Monitor:
    """The first pulse of the newest worker, what is left at the end, and who else kept this machine busy."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.first: Pulse | None = None
        self._since = 0.0
        self._begun = (time.monotonic(), _busy_s())
        self._ours: dict[int, float] = {}

    async def watch(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            pid = self._stage.service.worker_pid
            if self.first is None or self.first.pid != pid:
                self.first, self._since = Pulse.of(pid), clock()
            elif clock() - self._since < SETTLED_S:
                self.first = Pulse.of(pid) or self.first
            for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    self._ours[process.pid] = sum(process.cpu_times()[:2])
            await asyncio.sleep(EVERY_S)

    @property
    def others_cpu(self) -> float:
        """Cores that processes which are not ours have used: with more than a little, silences are theirs too."""
        then, busy = self._begun
        return round(max(0.0, _busy_s() - busy - sum(self._ours.values())) / (time.monotonic() - then), 2)

    async def leaks(self) -> list[str]:
        """In words; what is given back in time is none."""
        deadline = asyncio.get_running_loop().time() + EMPTY_S
        found = await self._held()
        while found and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(1.0)
            found = await self._held()
        return found

    async def _held(self) -> list[str]:
        try:
            channels, bridges = await self._stage.ari.channels(), await self._stage.ari.bridges()
        except AriError as error:
            return [f"Asterisk does not answer: {error}"]
        found = [f"{len(channels)} channels"] * bool(channels) + [f"{len(bridges)} bridges"] * bool(bridges)
        first, last = self.first, Pulse.of(self._stage.service.worker_pid)
        if first is not None and last is not None and first.pid == last.pid:
            if last.files - first.files > MORE_FILES:
                found.append(f"files {first.files} to {last.files}")
            if last.threads - first.threads > MORE_THREADS:
                found.append(f"threads {first.threads} to {last.threads}")
        return found
