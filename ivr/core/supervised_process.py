"""A child process that is started again when it ends, and killed when it shows no sign of life."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ivr.core.errors import SetupError
from ivr.core.processes import RestartBackoff, cancelled, ending, signal_group

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Liveness:
    """How a process shows that it lives.

    Questions are counted, not seconds: after a pause of our own the process still has its time to answer.

    check: whether the process has shown a sign of life since the last question; it may take ``every_s``.
    misses: so many questions in a row without a sign, and the process is killed and started again.
    loading: the same for a process that has not shown one since its start.
    every_s: seconds between two questions.
    """

    check: Callable[[], Awaitable[bool]]
    misses: int
    loading: int
    every_s: float = 1.0

    async def lost(self) -> float:
        """Return when the process counts as hung: the seconds without a sign of life."""
        missed, allowed = 0, self.loading
        while missed < allowed:
            alive = False
            pause = asyncio.create_task(asyncio.sleep(self.every_s))
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.every_s):
                        alive = await self.check()
                await pause
            finally:
                pause.cancel()
            missed, allowed = (0, self.misses) if alive else (missed + 1, allowed)
        return missed * self.every_s


class SupervisedProcess:
    """Starts a child process, watches it and starts it again when it ends.

    ``supervise`` alone starts it in the background.  ``launch`` before it waits for the first start, and reports
    its failure to the caller.

    name: what log lines call it, such as "the worker".
    start: starts the process, in a process group of its own; it may raise OSError or SetupError.
    backoff: the pauses between an end and the next start.
    stop_s: seconds that ``stop`` leaves it to end by itself before it is killed.
    on_end: awaited after each end that ``stop`` and ``retire`` did not ask for.
    liveness: how it shows that it lives; None: only its end is noticed.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Process]],
        backoff: RestartBackoff,
        *,
        stop_s: float,
        on_end: Callable[[], Awaitable[None]] | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        self._name, self._start, self._backoff = name, start, backoff
        self._stop_s, self._on_end, self._liveness = stop_s, on_end, liveness
        self._process: Process | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._retiring = False

    @property
    def pid(self) -> int:
        """Process id; 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    @property
    def last_pid(self) -> int:
        """Process id of the newest process, even when it has ended; 0 before the first start."""
        return self._process.pid if self._process is not None else 0

    @property
    def supervised(self) -> bool:
        """Whether it is started again when it ends."""
        return self._supervision is not None and not self._supervision.done()

    async def launch(self) -> None:
        """Start it and return.  Raises what ``start`` raises."""
        self._backoff.begins()
        self._process = await self._start()

    def supervise(self) -> None:
        """Start it, unless it runs already, and start it again whenever it ends.  Returns at once."""
        self._supervision = asyncio.create_task(self._supervise(), name=f"supervision of {self._name}")

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group; does nothing while it does not run."""
        if self._process is not None:
            signal_group(self._process, number)

    async def wait(self) -> int:
        """Wait until the process that runs now has ended.  Returns its exit status; 0 without a process."""
        return await self._process.wait() if self._process is not None else 0

    async def retire(self, number: signal.Signals) -> None:
        """Send ``number``, wait until it has ended, and do not start it again."""
        self._retiring = True
        self.send_signal(number)
        if self._supervision is not None:
            await self._supervision

    async def stop(self) -> bool:
        """End it: SIGTERM, and SIGKILL after ``stop_s`` seconds.  Returns whether it ran; safe to call twice."""
        if self._supervision is not None:
            await cancelled(self._supervision)
        if not self.pid:
            return False
        self.send_signal(signal.SIGTERM)
        self.send_signal(signal.SIGCONT)  # a stopped process ends, too
        try:
            async with asyncio.timeout(self._stop_s):
                await self.wait()
        except TimeoutError:
            self.send_signal(signal.SIGKILL)
            await self.wait()
        return True

    async def _supervise(self) -> None:
        while not self._retiring:
            try:
                if not self.pid:
                    await self.launch()
                status = await self._watched()
            except (OSError, SetupError) as error:  # no memory, no disk, a port that is taken
                log.error("ALARM: %s cannot be started (%s); trying again", self._name, error)
            else:
                if self._retiring and status == 0:
                    return
                log.error("ALARM: %s ended (%s); starting it again", self._name, ending(status))
                if self._on_end is not None:
                    await self._on_end()
            await self._backoff.pause()

    async def _watched(self) -> int:
        """Wait until the process has ended, and kill it when it hangs; returns its exit status."""
        watching = asyncio.create_task(self._kill_when_lost(), name=f"liveness of {self._name}")
        try:
            return await self.wait()
        finally:
            watching.cancel()

    async def _kill_when_lost(self) -> None:
        if self._liveness is not None:
            silent_s = await self._liveness.lost()
            log.error("ALARM: %s has shown no sign of life for %g s; ending it", self._name, silent_s)
            self.send_signal(signal.SIGKILL)
