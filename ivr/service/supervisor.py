"""`ivr run`: Asterisk, the crew that answers and the console; what dies is started again, and nobody's call is lost.

A caller whose worker was killed sits in Asterisk in silence; he is sent on to the dialplan at once, which
asks him to wait for the next worker.
A worker that hangs is the dead-man timer's business (``extensions.conf``).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable

from ivr.asterisk.config import render
from ivr.asterisk.process import Asterisk
from ivr.asterisk.remote import RemoteAsterisk
from ivr.content import versions
from ivr.content.bundle import Content
from ivr.core.errors import IvrError
from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.service import log_rotation
from ivr.service.child_process import COLLECTOR, CONSOLE, ChildProcess
from ivr.service.pbx_parameters import lines
from ivr.service.pbx_sounds import write_sounds
from ivr.service.worker_group import WorkerGroup

log = logging.getLogger(__name__)


class Supervisor:
    """A whole running installation: ``async with Service(settings).running()``.

    ``asterisk`` and the process ids are there for drills.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] = log.info) -> None:
        self.settings = settings
        self.asterisk: Asterisk = (RemoteAsterisk if settings.asterisk_url else Asterisk)(settings)
        self._say = say
        self._crew = WorkerGroup(self._crew_settings(0))
        self._console = ChildProcess(self._crew.settings, CONSOLE, "console")
        self._collector = ChildProcess(self._crew.settings, COLLECTOR, "collector")
        self._crews = 0
        self._retiring: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    @property
    def worker_pid(self) -> int:
        """Process id of the worker that takes new calls."""
        return self._crew.worker_pid

    @property
    def recogniser_pid(self) -> int:
        """Process id of the recogniser that hears new calls; 0 while it is down."""
        return self._crew.recogniser.pid

    @property
    def console_pid(self) -> int:
        """Process id of the console; 0 while it is down."""
        return self._console.pid

    @property
    def collector_pid(self) -> int:
        """Process id of the collector; 0 while it is down."""
        return self._collector.pid

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Supervisor]:
        """Up and able to take a call inside the block; everything down after it."""
        settings = self._crew.settings
        await asyncio.to_thread(prepare, settings)
        async with contextlib.AsyncExitStack() as stack:
            self._say("Starting Asterisk")
            stack.push_async_callback(self.asterisk.stop)
            await self.asterisk.start()
            stack.push_async_callback(self._stop_crews)
            await self._crew.start(self._say)
            stack.push_async_callback(self._collector.stop)
            self._collector.supervise()
            if settings.console_port:
                stack.push_async_callback(self._console.stop)
                self._console.supervise()
            stack.enter_context(self._reachable())
            self.asterisk.supervise()
            stack.callback(asyncio.create_task(log_rotation.keep(self.settings)).cancel)
            yield self

    async def refresh(self) -> None:
        """Take up the content that is current now: a new crew for new calls, the old one finishes its own."""
        async with self._changing:
            self._crews += 1
            fresh = WorkerGroup(self._crew_settings(self._crews))
            try:
                await asyncio.to_thread(prepare, fresh.settings)
                await self.asterisk.reload()
                await fresh.start(self._say)
            except IvrError as error:
                log.error("ALARM: the new content was not taken up, the old one stays: %s", error)
                return
            old, self._crew = self._crew, fresh
            await self._collector.restart(fresh.settings)
            if fresh.settings.console_port:
                await self._console.restart(fresh.settings)
            leaving = asyncio.create_task(old.retire())
            self._retiring.add(leaving)
            leaving.add_done_callback(self._retiring.discard)
            self._say(f"Content {versions.current(self.settings)} answers from now on")

    def _crew_settings(self, serial: int) -> Settings:
        """The content in use, and for a later crew a name and a Rasa port of its own."""
        settings = dataclasses.replace(self.settings, root=versions.root(self.settings))
        if serial == 0:
            return settings
        name = f"{settings.app.rpartition('-')[0]}-{serial + 1}"
        return dataclasses.replace(settings, app=name, rasa_port=free_port())

    @contextlib.contextmanager
    def _reachable(self):  # type: ignore[no-untyped-def]  # a context manager's generator
        """`ivr publish` and `ivr rollback` find us, and SIGHUP makes us look at what is current."""
        loop = asyncio.get_running_loop()
        refreshing: set[asyncio.Task[None]] = set()

        def hear() -> None:
            task = loop.create_task(self.refresh())
            refreshing.add(task)
            task.add_done_callback(refreshing.discard)

        loop.add_signal_handler(signal.SIGHUP, hear)
        path = versions.pid_file(self.settings)
        path.write_text(str(os.getpid()), "utf-8")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            loop.remove_signal_handler(signal.SIGHUP)

    async def _stop_crews(self) -> None:
        for leaving in self._retiring:
            leaving.cancel()
        await self._crew.stop()


def prepare(settings: Settings) -> None:
    """Asterisk's configuration, and the prompts it plays without us."""
    content = Content.load(settings)
    render(settings, lines(settings, content.callflow))
    write_sounds(settings, content)
