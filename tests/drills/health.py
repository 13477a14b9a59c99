"""The resources that a service holds: channels and bridges in Asterisk, files, threads and memory of the worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import psutil

from ivr.core.errors import AriError
from tests.drills.testbed import Testbed

EVERY_S = 2.0
SETTLED_S = 5.0
"""Seconds after which a worker has loaded everything."""
EMPTY_S = 40.0
"""Longest wait until the resources of the last calls are released."""
MORE_FILES, MORE_THREADS = 12, 12
"""Growth that is no leak: pools of threads and connections fill once (ctranslate2, SQLAlchemy, httpx)."""


@dataclass(frozen=True)
class ProcessSample:
    """The worker's open files and sockets, threads, and memory in MB."""

    pid: int
    files: int
    threads: int
    memory_mb: int

    @classmethod
    def of(cls, pid: int) -> ProcessSample | None:
        """Sample the process ``pid``; None when it does not exist."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                return cls(
                    pid, process.num_fds(), process.num_threads(), process.memory_info().rss // 1_000_000
                )
        return None


def _busy_s() -> float:
    """Seconds for which the cores were busy, summed."""
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - times.iowait)


class Monitor:
    """Watches the worker: ``first`` sample, resources left at the end, and the load of other processes."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed
        self.first: ProcessSample | None = None
        self._since = 0.0
        self._begun = (time.monotonic(), _busy_s())
        self._own: dict[int, float] = {}

    async def watch(self) -> None:
        """Sample until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            pid = self._testbed.service.worker_pid
            if self.first is None or self.first.pid != pid:
                self.first, self._since = ProcessSample.of(pid), clock()
            elif clock() - self._since < SETTLED_S:
                self.first = ProcessSample.of(pid) or self.first
            for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    self._own[process.pid] = sum(process.cpu_times()[:2])
            await asyncio.sleep(EVERY_S)

    @property
    def others_cpu(self) -> float:
        """Cores that other processes of the machine used; their load can also cause silences."""
        then, busy = self._begun
        return round(max(0.0, _busy_s() - busy - sum(self._own.values())) / (time.monotonic() - then), 2)

    async def leaks(self) -> list[str]:
        """Describe the resources that are not released within ``EMPTY_S``."""
        deadline = asyncio.get_running_loop().time() + EMPTY_S
        found = await self._held()
        while found and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(1.0)
            found = await self._held()
        return found

    async def _held(self) -> list[str]:
        try:
            channels, bridges = await self._testbed.ari.channels(), await self._testbed.ari.bridges()
        except AriError as error:
            return [f"Asterisk does not answer: {error}"]
        found = [f"{len(channels)} channels"] * bool(channels) + [f"{len(bridges)} bridges"] * bool(bridges)
        first, last = self.first, ProcessSample.of(self._testbed.service.worker_pid)
        if first is not None and last is not None and first.pid == last.pid:
            if last.files - first.files > MORE_FILES:
                found.append(f"files {first.files} to {last.files}")
            if last.threads - first.threads > MORE_THREADS:
                found.append(f"threads {first.threads} to {last.threads}")
        return found
