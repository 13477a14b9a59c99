"""The embedded Rasa: a supervised child process that listens on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ivr.core.errors import ConfigError, NluUnavailable, SetupError
from ivr.core.paths import rasa_python
from ivr.core.processes import RestartBackoff, own_group
from ivr.core.settings import Settings
from ivr.core.supervised_process import Liveness, SupervisedProcess
from ivr.nlu import served, training
from ivr.nlu.classifier import wait_ready
from ivr.nlu.client import HttpClassifier
from ivr.nlu.fallback import PROBE

READY_S = 120.0
STOP_S = 5.0
RESTART_S, RESTART_MAX_S = 1.0, 30.0
PROBE_S = 2.0
"""Seconds between two questions that show whether it lives, and seconds that each may take."""
MISSED, LOADING = 4, 60
"""Questions in a row without an answer after which it is killed; while it loads its model."""


class RasaServer:
    """``async with RasaServer(settings)``: ready inside the block, ended after it, restarted when it dies or hangs.

    Entering raises SetupError where Rasa's environment or the model is missing, or Rasa does not answer in time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = SupervisedProcess(
            "Rasa", self._start, RestartBackoff(RESTART_MAX_S, RESTART_S), stop_s=STOP_S,
            liveness=Liveness(self._understands, MISSED, LOADING, PROBE_S),
        )  # fmt: skip
        self._held: BinaryIO | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid or None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, and return when it is ready; raises SetupError as entering does."""
        try:
            await self._process.launch()
            await self._ready()
        except BaseException:
            await self.stop()
            raise
        self._process.supervise()

    def supervise(self) -> None:
        """Start it and keep it up; while there is no model, look for one again and again.  Returns at once."""
        self._process.supervise()

    async def stop(self) -> None:
        """End it; safe to call twice."""
        await self._process.stop()
        if self._held is not None:
            self._held.close()

    async def _find_model(self) -> Path:
        """The model of this content, locked against removal; raises SetupError where there is none."""
        try:
            model = await asyncio.to_thread(served.model, self._settings)
        except (ConfigError, OSError, ValueError) as error:
            raise SetupError(f"the questions of this content cannot be read: {error}") from None
        if model is None or not rasa_python(self._settings).exists():
            raise SetupError("no trained model of today's questions: run make setup")
        if self._held is not None:
            self._held.close()
        self._held = training.in_use(model)
        return model

    async def _start(self) -> asyncio.subprocess.Process:
        settings = self._settings
        model = await self._find_model()
        logs = settings.state_dir.logs
        logs.mkdir(parents=True, exist_ok=True)
        command = [
            str(rasa_python(settings)), "-m", "rasa", "run", "--enable-api", "--interface", "127.0.0.1",
            "--port", str(settings.rasa_port), "--model", str(model),
        ]  # fmt: skip
        with settings.state_dir.log("rasa").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *command, cwd=logs, env=training.serving_environment(settings), stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=output, preexec_fn=own_group,
            )  # fmt: skip

    async def _ready(self) -> None:
        deadline = time.monotonic() + READY_S
        async with HttpClassifier(self._settings.rasa) as rasa:
            if await wait_ready(rasa, lambda: self.pid is not None and time.monotonic() < deadline):
                return
        raise SetupError(f"Rasa did not start: see {self._settings.state_dir.log('rasa')}")

    async def _understands(self) -> bool:
        """Whether it answers a real question: ``/status`` is answered, too, by a server whose model hangs."""
        async with HttpClassifier(self._settings.rasa, timeout_s=PROBE_S) as rasa:
            with contextlib.suppress(NluUnavailable):
                await rasa.classify(*PROBE)
                return True
        return False
