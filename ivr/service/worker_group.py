"""A worker group: a worker process, its recogniser, its Rasa and its classifier, on one version of the content.

A worker that dies or hangs is started again, after its callers were handed to the dialplan.  The others, which take
longer to load, keep running.  A new content version gets a group of its own, and the old group ends with its last
call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Coroutine
from typing import Any

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER
from ivr.asterisk.contract import DialplanContext
from ivr.core.errors import AriError, IvrError, SetupError
from ivr.core.heartbeat import Heartbeat
from ivr.core.processes import RestartBackoff, cancelled
from ivr.core.settings import Settings
from ivr.core.supervised_process import SupervisedProcess
from ivr.nlu.remote import serve
from ivr.nlu.server import RasaServer
from ivr.service.child_process import END_S, WORKER, begin, liveness
from ivr.service.socket_process import SocketProcess

log = logging.getLogger(__name__)

READY_S = 120.0
"""Seconds until a worker has registered with Asterisk."""
AGAIN_S = 10.0
"""Seconds until a part that could not be started at all is tried again."""
RESTART_MAX_S = 10.0
"""Longest pause in seconds before a worker is started again."""


class WorkerGroup:
    """``supervise`` or ``start`` it, and end it by ``retire``, after its calls, or by ``stop``, at once.

    settings: with the root of the content version, and an application name of its own.
    """

    worker = WORKER
    """Module of the worker process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.recogniser = SocketProcess.recogniser(settings)
        self.classifier = SocketProcess.classifier(settings)
        self.worker_environment: dict[str, str] = {}
        self._heartbeat = Heartbeat()
        self._worker = SupervisedProcess(
            "the worker",
            self._start_worker,
            RestartBackoff(RESTART_MAX_S),
            stop_s=END_S,
            on_end=self._hand_over,
            liveness=liveness(WORKER, self._heartbeat),
        )
        self._rasa = RasaServer(settings)
        self._stack = contextlib.AsyncExitStack()
        self._ended = False

    @property
    def worker_pid(self) -> int:
        """Process id of the newest worker, even when it has ended."""
        return self._worker.last_pid

    def supervise(self) -> None:
        """Start every process and keep it up, whatever the others do.  Returns at once."""
        self._keep(self._keep_sockets(), "sockets of the worker group")
        if not self.settings.rasa_url:
            self._rasa.supervise()
            self._stack.push_async_callback(self._rasa.stop)
        elif self.settings.rasa_workshop_url:
            self._keep(self._keep_remote_model(), "model of the external Rasa")

    async def start(self) -> None:
        """Start it and return when everything is ready.

        Raises SetupError when a part does not become ready; everything is stopped then.
        """
        try:
            if self.settings.rasa_url and self.settings.rasa_workshop_url:
                await serve(self.settings)
            for process in (self.recogniser, self.classifier):
                self._begin_socket(process)
            self._worker.supervise()  # it loads at the same time, and waits for both
            if not self.settings.rasa_url:
                self._stack.push_async_callback(self._rasa.stop)
                await self._rasa.start()
            await self.ready()
        except BaseException:
            await self.stop()
            raise

    async def ready(self) -> None:
        """Return when the worker has registered with Asterisk; raises SetupError when it does not in ``READY_S``."""
        async with self._ari() as ari:
            deadline = time.monotonic() + READY_S
            while time.monotonic() < deadline and not self._ended:
                with contextlib.suppress(AriError):
                    if await ari.application() is not None:
                        return
                await asyncio.sleep(0.1)
        raise SetupError(f"the worker did not start: see {self.settings.state_dir.log('worker')}")

    async def retire(self) -> None:
        """Take no more calls, and end when the running ones are over."""
        self._ended = True
        await self._worker.retire(signal.SIGUSR1)
        await self._stack.aclose()

    async def stop(self) -> None:
        """End now; callers continue in the dialplan."""
        self._ended = True
        if await self._worker.stop():
            await self.rescue()
        await self._stack.aclose()

    async def rescue(self) -> int:
        """Send callers of a dead worker to the dialplan, which gives them to the next worker; returns how many."""
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
                        await ari.continue_in_dialplan(channel.id, DialplanContext.LOST)
                        rescued += 1
            for bridge in held.bridge_ids if held is not None else ():  # nothing else would remove them
                with contextlib.suppress(AriError):
                    await ari.delete_bridge(bridge)
        return rescued

    async def _start_worker(self) -> asyncio.subprocess.Process:
        sockets = str(self.recogniser.path), str(self.classifier.path)
        return await begin(
            self.settings, self.worker, "worker", self._heartbeat, *sockets, more=self.worker_environment
        )

    async def _hand_over(self) -> None:
        log.error("%d call(s) handed to the dialplan", await self.rescue())

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do ``work`` in the background until the group ends."""
        self._stack.push_async_callback(cancelled, asyncio.create_task(work, name=name))

    def _begin_socket(self, process: SocketProcess) -> None:
        process.start()
        self._stack.push_async_callback(process.stop)

    async def _keep_sockets(self) -> None:
        """Start the processes behind sockets, and then the worker, as soon as there is a place for the sockets."""
        for process in (self.recogniser, self.classifier):
            while True:
                try:
                    self._begin_socket(process)
                    break
                except SetupError as error:
                    log.error("ALARM: %s; trying again in %g s", error, AGAIN_S)
                    await asyncio.sleep(AGAIN_S)
        if not self._ended:
            self._worker.supervise()

    async def _keep_remote_model(self) -> None:
        """Make the external Rasa serve this content once it answers; it loads the same model when it restarts."""
        while True:
            try:
                return await serve(self.settings)
            except IvrError as error:
                log.error("ALARM: %s; trying again in %g s", error, AGAIN_S)
            await asyncio.sleep(AGAIN_S)

    def _ari(self) -> Ari:
        settings = self.settings
        return Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app, timeout=2.0)
