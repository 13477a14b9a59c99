"""A crew: one worker process, its recogniser and its Rasa, on one generation of the content.

Kept up until it is retired: a worker that dies is started again, after its callers were rescued; the others, which
take longer to load, stay where they are.  A new generation gets a crew of its own; the old one finishes its calls
and goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER
from ivr.core.errors import AriError, SetupError
from ivr.core.processes import RestartBackoff, cancelled, ending, wait_or_kill
from ivr.core.settings import Settings
from ivr.nlu.remote import serve
from ivr.nlu.server import RasaServer
from ivr.service.child_process import END_S, begin
from ivr.service.recogniser_process import RecogniserProcess

log = logging.getLogger(__name__)

READY_S = 120.0
RESTART_MAX_S = 10.0


class WorkerGroup:
    """``start`` it, then ``retire`` (when its calls are over) or ``stop`` (now)."""

    worker = "ivr.service.worker"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker_pid = 0
        self.recogniser = RecogniserProcess(settings)
        self.worker_environment: dict[str, str] = {}
        self._worker: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stack = contextlib.AsyncExitStack()
        self._retiring = False

    async def start(self, say: Callable[[str], None] = log.info) -> None:
        """Return when it can take calls; raises SetupError, and leaves nothing behind, when it cannot."""
        try:
            if self.settings.rasa_url and self.settings.rasa_workshop_url:
                await serve(self.settings)
            say(f"Starting the receptionist{'' if self.settings.rasa_url else ' and Rasa'}")
            self._stack.push_async_callback(self.recogniser.stop)
            self.recogniser.start()
            self._keeper = asyncio.create_task(self._keep())  # loads beside both, and waits for them
            if not self.settings.rasa_url:
                await self._stack.enter_async_context(RasaServer(self.settings))
            await self._ready()
        except BaseException:
            await self.stop()
            raise

    async def retire(self) -> None:
        """Take no more calls; end when those that run are over."""
        self._retiring = True
        if self._worker is not None and self._worker.returncode is None:
            self._worker.send_signal(signal.SIGUSR1)
        if self._keeper is not None:
            await self._keeper
        await self._stack.aclose()

    async def stop(self) -> None:
        """End now; callers go on in the dialplan."""
        if self._keeper is not None:
            await cancelled(self._keeper)
        await self._end_worker()
        await self._stack.aclose()

    async def rescue(self) -> int:
        """Callers of a dead worker go on in the dialplan, which gives them to the next; returns how many."""
        rescued = 0
        async with self._ari() as ari:
            try:
                held = await ari.application()
                callers = [item for item in await ari.channels() if not item.is_media]
            except AriError as error:
                log.error("rescue: Asterisk does not answer (%s)", error)
                return 0
            for channel in callers:
                if held is not None and channel.id in held.channel_ids:
                    with contextlib.suppress(AriError):
                        await ari.continue_in_dialplan(channel.id, "lost")
                        rescued += 1
            for bridge in held.bridge_ids if held is not None else ():  # nobody else would remove them
                with contextlib.suppress(AriError):
                    await ari.delete_bridge(bridge)
        return rescued

    async def _keep(self) -> None:
        restarts = RestartBackoff(RESTART_MAX_S)
        while True:
            restarts.begins()
            try:
                await self._work()
            except OSError as error:  # no memory, no disk: the line must go on
                log.error("ALARM: the worker cannot be started (%s); trying again", error)
            if self._retiring:
                return
            await restarts.pause()

    async def _work(self) -> None:
        """From a worker's start to its end; its callers are rescued where it died.  Raises OSError."""
        self._worker = await begin(
            self.settings, self.worker, "worker", str(self.recogniser.path), more=self.worker_environment
        )
        self.worker_pid = self._worker.pid
        status = await self._worker.wait()
        if self._retiring and status == 0:
            return
        log.error("ALARM: the worker ended (%s); rescuing its calls", ending(status))
        rescued = await self.rescue()
        log.error("%d call(s) handed to the dialplan", rescued)

    async def _ready(self) -> None:
        """Until the worker has registered with Asterisk."""
        assert self._keeper is not None
        async with self._ari() as ari:
            deadline = time.monotonic() + READY_S
            while time.monotonic() < deadline and not self._keeper.done():
                with contextlib.suppress(AriError):
                    if await ari.application() is not None:
                        return
                await asyncio.sleep(0.1)
        raise SetupError(f"the worker did not start: see {self.settings.state / 'logs/worker.log'}")

    async def _end_worker(self) -> None:
        worker = self._worker
        if worker is None or worker.returncode is not None:
            return
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGCONT)
        await wait_or_kill(worker, END_S)
        await self.rescue()

    def _ari(self) -> Ari:
        settings = self.settings
        return Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app, timeout=2.0)
