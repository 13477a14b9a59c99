"""A child process that is started again when it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

from ivr.core.errors import SetupError
from ivr.core.processes import RestartBackoff, cancelled, ending, signal_group

log = logging.getLogger(__name__)


class SupervisedProcess:
    """Starts a child process, watches it and starts it again when it ends.

    ``supervise`` alone starts it in the background.  ``launch`` before it waits for the first start, and reports
    its failure to the caller.

    name: what log lines call it, such as "the worker".
    start: starts the process, in a process group of its own; it may raise OSError or SetupError.
    backoff: the pauses between an end and the next start.
    stop_s: seconds that ``stop`` leaves it to end by itself before it is killed.
    on_end: awaited after each end that ``stop`` and ``retire`` did not ask for.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Process]],
        backoff: RestartBackoff,
        *,
        stop_s: float,
        on_end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._name, self._start, self._backoff = name, start, backoff
        self._stop_s, self._on_end = stop_s, on_end
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
                status = await self.wait()
            except (OSError, SetupError) as error:  # no memory, no disk, a port that is taken
                log.error("ALARM: %s cannot be started (%s); trying again", self._name, error)
            else:
                if self._retiring and status == 0:
                    return
                log.error("ALARM: %s ended (%s); starting it again", self._name, ending(status))
                if self._on_end is not None:
                    await self._on_end()
            await self._backoff.pause()
