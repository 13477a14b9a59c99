"""A process of ours beside the calls: kept up, and never a reason for the line to go down."""

from __future__ import annotations

import asyncio
import logging
import sys

from ivr.config import Settings
from ivr.crew import END_S, ending, environment
from ivr.restarts import Restarts, ended, pid_of

log = logging.getLogger(__name__)

RESTART_MAX_S = 30.0


class Child:
    """``python -m MODULE`` with ``settings``; ``name`` is its log file and what the log calls it."""

    def __init__(self, settings: Settings, module: str, name: str) -> None:
        self.settings = settings
        self._module, self._name = module, name
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id; 0 while there is none."""
        return pid_of(self._process)

    def start(self) -> None:
        """Returns at once: nobody waits for it to be ready."""
        self._keeper = asyncio.create_task(self._keep(), name=self._name)

    async def stop(self) -> None:
        """End it; killed when it does not end by itself in time.  Safe to call twice."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        await ended(process, END_S)

    async def restart(self, settings: Settings) -> None:
        """Again, with other settings."""
        await self.stop()
        self.settings = settings
        self.start()

    async def _keep(self) -> None:
        restarts = Restarts(RESTART_MAX_S)
        while True:
            restarts.begins()
            try:
                self._process = await self._begin()
                status = ending(await self._process.wait())
            except OSError as error:  # no memory, no disk: the line must go on
                status = str(error)
            log.error("ALARM: the %s ended (%s); starting it again", self._name, status)
            await restarts.pause()

    async def _begin(self) -> asyncio.subprocess.Process:
        logs = self.settings.state / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{self._name}.log").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, stdin=asyncio.subprocess.DEVNULL, stdout=output,
                stderr=output, env=environment(self.settings), start_new_session=True,
            )  # fmt: skip
