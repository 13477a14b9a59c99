"""The supervisor of `ivr run`: Asterisk, the worker group that answers calls, the console and the collector.

A process that dies is started again, and no call is lost.  The callers of a dead worker would hear silence; they are
sent to the dialplan at once, which asks them to wait for the next worker.  The dead-man timer of ``extensions.conf``
does the same for a worker that hangs.
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
from ivr.service.pbx_parameters import pbx_parameters
from ivr.service.pbx_sounds import write_sounds
from ivr.service.worker_group import WorkerGroup

log = logging.getLogger(__name__)


class Supervisor:
    """A whole running installation: ``async with Supervisor(settings).running()``.

    settings: those of the instance.
    say: shows a person what is being started.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] = log.info) -> None:
        self.settings = settings
        self.asterisk: Asterisk = (RemoteAsterisk if settings.asterisk_url else Asterisk)(settings)
        self._say = say
        self._group = WorkerGroup(self._group_settings(0))
        self._console = ChildProcess(self._group.settings, CONSOLE, "console")
        self._collector = ChildProcess(self._group.settings, COLLECTOR, "collector")
        self._groups = 0
        self._retiring: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    @property
    def worker_pid(self) -> int:
        """Process id of the newest worker that takes calls, even when it has ended."""
        return self._group.worker_pid

    @property
    def recogniser_pid(self) -> int:
        """Process id of the recogniser for new calls; 0 while it is down."""
        return self._group.recogniser.pid

    @property
    def classifier_pid(self) -> int:
        """Process id of the classifier process for new calls; 0 while it is down."""
        return self._group.classifier.pid

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
        """Inside the block everything runs and calls are taken; after it everything is stopped.

        Raises SetupError when a part cannot be started.
        """
        settings = self._group.settings
        await asyncio.to_thread(prepare, settings)
        async with contextlib.AsyncExitStack() as stack:
            self._say("Starting Asterisk")
            stack.push_async_callback(self.asterisk.stop)
            await self.asterisk.start()
            stack.push_async_callback(self._stop_groups)
            await self._group.start(self._say)
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
        """Start a worker group with the current content version for new calls; the old group finishes its calls."""
        async with self._changing:
            self._groups += 1
            fresh = WorkerGroup(self._group_settings(self._groups))
            try:
                await asyncio.to_thread(prepare, fresh.settings)
                await self.asterisk.reload()
                await fresh.start(self._say)
            except IvrError as error:
                log.error("ALARM: the new content was not taken up, the old one stays: %s", error)
                return
            old, self._group = self._group, fresh
            await self._collector.restart(fresh.settings)
            if fresh.settings.console_port:
                await self._console.restart(fresh.settings)
            retiring = asyncio.create_task(old.retire())
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
            self._say(f"Content {versions.current(self.settings)} answers from now on")

    def _group_settings(self, serial: int) -> Settings:
        """Settings with the content in use; a later group gets an application name and a Rasa port of its own."""
        settings = dataclasses.replace(self.settings, root=versions.root(self.settings))
        if serial == 0:
            return settings
        name = f"{settings.app.rpartition('-')[0]}-{serial + 1}"
        return dataclasses.replace(settings, app=name, rasa_port=free_port())

    @contextlib.contextmanager
    def _reachable(self):  # type: ignore[no-untyped-def]  # a context manager's generator
        """Write the process id for `ivr publish` and `ivr rollback`; their SIGHUP calls ``refresh``."""
        loop = asyncio.get_running_loop()
        refreshing: set[asyncio.Task[None]] = set()

        def on_hangup() -> None:
            task = loop.create_task(self.refresh())
            refreshing.add(task)
            task.add_done_callback(refreshing.discard)

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        path = versions.pid_file(self.settings)
        path.write_text(str(os.getpid()), "utf-8")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            loop.remove_signal_handler(signal.SIGHUP)

    async def _stop_groups(self) -> None:
        for retiring in self._retiring:
            retiring.cancel()
        await self._group.stop()


def prepare(settings: Settings) -> None:
    """Write Asterisk's configuration, and the prompts that it plays by itself."""
    content = Content.load(settings)
    render(settings, pbx_parameters(settings, content.callflow))
    write_sounds(settings, content)
