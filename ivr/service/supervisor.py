"""The supervisor of `ivr run`: Asterisk, the worker group that answers calls, the console and the collector.

The line outlives everything: Asterisk starts first and stays, and each other process is kept up beside it.  Whatever
is missing, callers are answered by the best that is left.  A process that dies is started again, and no call is lost.
The callers of a dead worker would hear silence; they are sent to the dialplan at once, which asks them to wait for
the next worker.  The dead-man timer of ``extensions.conf`` does the same for a worker that hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from ivr.asterisk import config as asterisk
from ivr.asterisk.process import Asterisk
from ivr.asterisk.remote import RemoteAsterisk
from ivr.content import versions
from ivr.content.bundle import Content
from ivr.core.errors import AriError, IvrError, SetupError
from ivr.core.files import write_durably
from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.core.staged_files import StagedFiles
from ivr.nlu import served
from ivr.service import content_choice, log_rotation, systemd, takeover
from ivr.service.child_process import COLLECTOR, CONSOLE, ChildProcess
from ivr.service.content_choice import ContentChoice
from ivr.service.pbx_parameters import pbx_parameters, templates_version
from ivr.service.pbx_sounds import stage_sounds
from ivr.service.worker_group import WorkerGroup

log = logging.getLogger(__name__)

LINE_S = 10.0
"""Seconds that the other processes wait for Asterisk, so that they do not slow its start down."""
AGAIN_S = 30.0
"""Seconds until files that could not be written are tried again."""


class Supervisor:
    """A whole running installation: ``async with Supervisor(settings).running()``.

    settings: those of the instance.
    say: shows a person what is being started.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] = log.info) -> None:
        self.settings = settings
        self.asterisk: Asterisk = (RemoteAsterisk if settings.asterisk_url else Asterisk)(settings)
        self._say = say
        self.asterisk.require()
        self._choice = content_choice.choose(settings)
        self._group = WorkerGroup(self._choice.settings)
        self._console = ChildProcess(self._group.settings, CONSOLE, "console")
        self._collector = ChildProcess(self._group.settings, COLLECTOR, "collector")
        self._groups = 0
        self._background: set[asyncio.Task[None]] = set()
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
        """As ``kept_up``; the block begins when calls are taken, or when a worker has had its time to start."""
        async with self.kept_up():
            await self.ready()
            yield self

    @contextlib.asynccontextmanager
    async def kept_up(self) -> AsyncIterator[Supervisor]:
        """Inside the block every process is started and kept up; after it everything is stopped.

        Raises SetupError where nothing can run at all: Asterisk is not installed, or the instance runs already.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(takeover.only_one(self.settings))
            written = await self._write_configuration()
            self._say("Starting Asterisk")
            stack.push_async_callback(self.asterisk.stop)
            self.asterisk.supervise()
            stack.push_async_callback(self._stop_groups)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINE_S):
                    await self.asterisk.answers()
            self._say(f"Starting the receptionist{'' if self.settings.rasa_url else ' and Rasa'}")
            self._group.supervise()
            stack.push_async_callback(self._collector.stop)
            self._collector.supervise()
            if self.settings.console_port:
                stack.push_async_callback(self._console.stop)
                self._console.supervise()
            await self._reachable(stack)
            self._in_background(self._complete(written))
            self._in_background(log_rotation.keep(self.settings))
            self._in_background(systemd.keep_told())
            yield self

    async def ready(self) -> bool:
        """Return when the worker takes calls; says so, and returns False, where it has not in its time."""
        try:
            await self._group.ready()
        except SetupError as error:
            log.error("ALARM: %s; the dialplan takes messages until it does", error)
            return False
        return True

    async def refresh(self) -> None:
        """Take up the content that ``current`` names; one that cannot be used is told of, and the old one stays."""
        try:
            await self.take_up(versions.current(self.settings))
        except (IvrError, OSError) as error:
            log.error("ALARM: the new content was not taken up, the old one stays: %s", error)

    async def take_up(self, number: int, wanted: Callable[[], bool] = lambda: True) -> None:
        """Start a worker group with a content version for new calls; the old group finishes its calls.

        number: of the version; 0 for the checkout.
        wanted: asked before the change: whether somebody still wants it.

        ``current`` and Asterisk's files change only when the new group takes calls.  Raises IvrError or OSError, and
        then everything is as before.
        """
        async with self._changing:
            self._groups += 1
            settings = content_choice.of_number(self._group_settings(self._groups), number)
            content = await asyncio.to_thread(content_choice.usable, settings)
            fresh = WorkerGroup(settings)
            with StagedFiles() as files:
                await asyncio.to_thread(_stage, files, settings, content)
                await fresh.start()
                try:
                    if not wanted():
                        raise SetupError("nobody waits for the new content any more")
                    await asyncio.to_thread(versions.point, self.settings, number)
                    await asyncio.to_thread(files.commit)
                except BaseException:
                    self._in_background(fresh.retire())
                    raise
            await self._switch(fresh, ContentChoice(settings, content))

    async def _switch(self, fresh: WorkerGroup, choice: ContentChoice) -> None:
        """Let ``fresh`` take the new calls."""
        old, self._group = self._group, fresh
        self._choice = choice
        with contextlib.suppress(AriError):  # one that does not answer reads the files when it starts again
            await self.asterisk.reload()
        await self._collector.restart(fresh.settings)
        if fresh.settings.console_port:
            await self._console.restart(fresh.settings)
        self._in_background(old.retire())
        self._in_background(self._note())
        self._say(f"Content {versions.number_of(choice.settings.root)} answers from now on")

    def _group_settings(self, serial: int) -> Settings:
        """Settings for a later group: with an application name and a Rasa port of its own."""
        name = f"{self.settings.app.rpartition('-')[0]}-{serial + 1}"
        return dataclasses.replace(self.settings, app=name, rasa_port=free_port())

    async def _write_configuration(self) -> bool:
        """Write Asterisk's configuration; returns whether it is written.

        On a full disk Asterisk starts with the files of the last time.
        """
        try:
            await asyncio.to_thread(_write, self._choice, sounds=False)
        except OSError as error:
            log.error("ALARM: Asterisk's configuration was not written: %s", error)
            return False
        return True

    async def _complete(self, written: bool) -> None:
        """Write what the start did not wait for, until it is written: sounds, the files that failed, notes."""
        while True:
            try:
                await asyncio.to_thread(_write, self._choice, configuration=not written, sounds=True)
                await asyncio.to_thread(self.asterisk.own_files)
                if not written:
                    await self.asterisk.reload()
                break
            except (IvrError, OSError) as error:
                log.error(
                    "ALARM: Asterisk's files are not complete: %s; trying again in %g s", error, AGAIN_S
                )
            await asyncio.sleep(AGAIN_S)
        await self._note()

    async def _note(self) -> None:
        """Tell which content answers; tell once of edited files with errors, and keep a copy of those without."""
        choice = self._choice
        draft = await asyncio.to_thread(_looked_after, self.settings, choice)
        if draft:
            log.error("ALARM: the edited files have errors and answer no call: %s", draft)
        await asyncio.to_thread(content_choice.note, self.settings, choice, draft)

    async def _reachable(self, stack: contextlib.AsyncExitStack) -> None:
        """Answer `ivr publish` and `ivr rollback`, refresh at SIGHUP, and write the process id for people."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: self._in_background(self.refresh()))
        stack.callback(loop.remove_signal_handler, signal.SIGHUP)
        path = self.settings.state_dir.pid_file
        try:
            await stack.enter_async_context(takeover.answering(self.settings, self.take_up))
            stack.callback(path.unlink, missing_ok=True)
            write_durably(path, str(os.getpid()))
        except OSError as error:
            log.error("ALARM: `ivr publish` cannot reach this service (%s): restart it to publish", error)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _stop_groups(self) -> None:
        for task in self._background:
            task.cancel()
        await self._group.stop()


def prepare(settings: Settings) -> None:
    """Write Asterisk's configuration, and the prompts that it plays by itself, for the content in ``settings``."""
    _write(ContentChoice(settings, Content.load(settings)))


def _write(choice: ContentChoice, *, configuration: bool = True, sounds: bool = True) -> None:
    with StagedFiles() as files:
        _stage(files, choice.settings, choice.content, configuration=configuration, sounds=sounds)
        files.commit()


def _stage(
    files: StagedFiles,
    settings: Settings,
    content: Content,
    *,
    configuration: bool = True,
    sounds: bool = True,
) -> None:
    if configuration:
        asterisk.stage(files, settings, pbx_parameters(settings, content.callflow))
    if sounds:
        stage_sounds(files, settings, content)


def _looked_after(settings: Settings, choice: ContentChoice) -> str:
    """What is wrong with the edited files; a copy of those that answer calls is kept.  Blocks."""
    if choice.settings.root != settings.root:
        return content_choice.draft_problem(settings)
    try:
        model = served.model(settings)
        name = model.name if model is not None else ""
        versions.keep_draft(settings, {"model": name, "templates": templates_version()})
    except (IvrError, OSError) as error:
        log.warning("no copy of the edited files was kept: %s", error)
    return ""
