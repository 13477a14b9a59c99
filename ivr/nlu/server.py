"""The embedded Rasa: a child process on the loopback, for as long as the service needs it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ivr.core.errors import SetupError
from ivr.core.paths import rasa_python
from ivr.core.processes import own_group
from ivr.core.settings import Settings
from ivr.nlu import training
from ivr.nlu.client import Understanding

log = logging.getLogger(__name__)

READY_S = 120.0
STOP_S = 5.0
RESTART_S = 1.0


class RasaServer:
    """``async with RasaServer(settings)``: ready inside, ended after; restarted when it dies.

    Raises SetupError when there is no environment, no model, or no answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._held: BinaryIO | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def __aenter__(self) -> Self:
        model = await asyncio.to_thread(training.model_path, self._settings)
        if not rasa_python(self._settings).exists() or not model.exists():
            raise SetupError("no trained model of today's questions: run make setup")
        self._held = training.in_use(model)
        try:
            await self._start(model)
            await self._ready()
        except BaseException:
            await self._end()
            raise
        self._keeper = asyncio.create_task(self._keep(model))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        await self._end()

    async def _start(self, model: Path) -> None:
        settings = self._settings
        logs = settings.state / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        command = [
            str(rasa_python(settings)), "-m", "rasa", "run", "--enable-api", "--interface", "127.0.0.1",
            "--port", str(settings.rasa_port), "--model", str(model),
        ]  # fmt: skip
        with (logs / "rasa.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=logs, env=training.serving_environment(settings), stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=output, preexec_fn=own_group,
            )  # fmt: skip

    async def _ready(self) -> None:
        assert self._process is not None
        async with Understanding(self._settings.rasa) as understanding, asyncio.timeout(READY_S):
            if await understanding.ready(lambda: self.pid is not None):
                return
        raise SetupError(f"Rasa did not start: see {self._settings.state / 'logs/rasa.log'}")

    async def _keep(self, model: Path) -> None:
        while True:
            assert self._process is not None
            status = await self._process.wait()
            log.error("ALARM: Rasa ended (%s); starting it again", status)
            await asyncio.sleep(RESTART_S)
            try:
                await self._start(model)
            except OSError as error:  # no memory, no disk: tried again, since what has ended has ended still
                log.error("Rasa cannot be started: %s", error)

    async def _end(self) -> None:
        if self._held is not None:
            self._held.close()
        process = self._process
        if process is None or process.returncode is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
