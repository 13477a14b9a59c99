"""The worker process: it takes calls, each in a task of one task group.

`ivr run` starts it as ``python -m ivr.service.worker RECOGNISER CLASSIFIER``: the paths of these processes' sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import uvloop

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink, Arrival
from ivr.asterisk.config import ARI_USER
from ivr.asterisk.contract import ChannelVariable
from ivr.call.admission import Admission
from ivr.call.dependencies import CallDependencies
from ivr.call.dialogue import number_words
from ivr.call.queue_forecast import QueueForecast
from ivr.call.recording_optout import recording_optout
from ivr.call.session import Session
from ivr.content import versions
from ivr.content.bundle import Content
from ivr.core import entrypoint, heartbeat, logs
from ivr.core.audio import silence
from ivr.core.disk_writer import DiskWriter
from ivr.core.errors import AriError, RecogniserError
from ivr.core.events import Stamped
from ivr.core.processes import cancelled
from ivr.core.settings import Settings
from ivr.nlu.classifier import IntentClassifier, wait_ready
from ivr.nlu.client import HttpClassifier
from ivr.nlu.fallback import FallbackClassifier
from ivr.service.transcriber import Transcriber
from ivr.speech.prompts import Prompts, open_prompts
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.speech.vad import BatchedVad, Vad
from ivr.store.audio_capture import AudioSink, no_capture
from ivr.store.background_capture import BackgroundCapture
from ivr.store.callback_quota import CallbackQuota
from ivr.store.database import Store
from ivr.store.journal import WAITING, Journal
from ivr.store.messages import VoicemailSpool

log = logging.getLogger(__name__)

CLASSIFIER_S = 30.0
"""Seconds that a new worker waits for a classifier, which starts at the same time; then it takes calls without."""
RECOGNISER_S = 45.0
"""Seconds that a new worker waits for the recogniser, which loads at the same time; then it takes calls without."""
AT_ONCE_S = 0.5
"""A recogniser that is ready within these seconds was running before: this worker replaces one that died.  Its
predecessor's callers come first, and the voices are loaded ``SETTLED_S`` later."""
BLOCKS_WAITING = 2000
"""Blocks of callers' audio that wait while the disk stalls: 32 MB, 25 s of forty callers."""
SETTLED_S = 20.0
"""Seconds until the voices are loaded, unless they are loaded while the recogniser loads."""


class Worker:
    """Takes calls until it is told to stop or to retire.

    content: the content version that it serves.
    recogniser: the connection to the recogniser process, started.
    classifier_path: path of the classifier's socket.
    prompts: the rendered prompts and the voices.
    """

    def __init__(
        self,
        settings: Settings,
        content: Content,
        recogniser: RemoteRecogniser,
        classifier_path: Path,
        prompts: Prompts,
    ) -> None:
        self._settings, self._content = settings, content
        self._recogniser, self._prompts = recogniser, prompts
        self._classifier_path = classifier_path
        self._places = settings.places or content.callflow.limits.calls
        self._admission = Admission(self._places, settings.late_ms / 1000)
        self._refused = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._retire = asyncio.Event()

    async def run(self, stop: asyncio.Event, retire: asyncio.Event) -> None:
        """Serve until ``stop`` is set, or until ``retire`` is set and the running calls are over.

        After ``stop`` the callers continue in the dialplan.  After ``retire`` no new calls are taken.
        """
        self._retire = retire
        settings = self._settings
        store = Store(settings.database)
        journal = await asyncio.to_thread(Journal, settings.state_dir.spool, store, settings.pseudonyms)
        pending = await asyncio.to_thread(VoicemailSpool, settings)
        disk, captures = (
            DiskWriter("events", WAITING),
            DiskWriter("captures of callers' audio", BLOCKS_WAITING),
        )
        ari = Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app)
        async with (
            ari,
            HttpClassifier(settings.rasa) as rasa,
            HttpClassifier.local(self._classifier_path) as local,
            FallbackClassifier(rasa, local) as classifier,
        ):
            link = AriLink(ari, admit=self._admit)
            if not await self._understands(classifier, stop):
                log.error("ALARM: no classifier answers; callers are offered keys until one does")
            quota = CallbackQuota(store, settings.pseudonyms, self._content.callflow.trunk.country)
            content = dataclasses.replace(
                self._content, callbacks_asked=quota.count, callbacks_elsewhere=quota.elsewhere
            )
            dependencies = CallDependencies(
                ari=ari,
                link=link,
                content=content,
                prompts=self._prompts,
                classifier=classifier,
                recogniser=self._recogniser,
                voice_activity=BatchedVad(),
                voicemail=pending,
                append=partial(self._note, disk, journal),
                worker=settings.app,
                content_version=versions.number_of(settings.root),
                stop_recording=recording_optout(settings),
                open_capture=self._open_capture(captures),
                disk=disk,
                estimate_wait=QueueForecast(settings, content.callflow).estimate,
            )
            transcriber = Transcriber(settings, store, journal, self._recogniser, content)
            draining = asyncio.create_task(journal.run())
            async with self._written(draining, disk, captures), asyncio.TaskGroup() as tasks:
                parts = [tasks.create_task(part) for part in (
                    _while_running(draining), transcriber.run(), quota.run(), link.run(), self._tell_crowded(ari),
                    self._accept(link, dependencies, tasks), self._warm_up(),
                )]  # fmt: skip
                await self._until(stop, retire)
                for part in [*parts, *self._busy]:
                    part.cancel()

    async def _warm_up(self) -> None:
        await asyncio.sleep(SETTLED_S)
        await self._prompts.warm_up()

    async def _understands(self, classifier: IntentClassifier, stop: asyncio.Event) -> bool:
        """Whether a classifier has its model within ``CLASSIFIER_S``; True at once when the worker is stopped."""
        deadline = time.monotonic() + CLASSIFIER_S
        ready = await wait_ready(classifier, lambda: time.monotonic() < deadline and not stop.is_set())
        return ready or stop.is_set()

    def _open_capture(self, writer: DiskWriter) -> Callable[[str, int], AudioSink]:
        recorded = self._content.callflow.recording.enabled
        return partial(BackgroundCapture, writer, self._settings) if recorded else no_capture

    @contextlib.asynccontextmanager
    async def _written(self, draining: asyncio.Task[None], *writers: DiskWriter) -> AsyncIterator[None]:
        """After the block, which ends all calls: what they have left is written, and then stored."""
        try:
            yield
        finally:
            for writer in writers:
                await asyncio.to_thread(writer.close)
            await cancelled(draining)

    async def _until(self, stop: asyncio.Event, retire: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        retired = asyncio.create_task(retire.wait())
        await asyncio.wait({stopped, retired}, return_when=asyncio.FIRST_COMPLETED)
        while self._busy and not stop.is_set():
            await asyncio.wait({stopped, *self._busy}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, retired):
            task.cancel()

    def _admit(self, coming: int) -> bool:
        """Whether there is a place for one more caller beside those who are served and those who are coming."""
        if self._retire.is_set():
            return False
        if self._admission.full(len(self._busy) + coming):
            self._refused.set()
            return False
        return True

    async def _tell_crowded(self, ari: Ari) -> None:
        """Tell the dialplan when there was no place; otherwise it says that the service is interrupted."""
        while True:
            await self._refused.wait()
            self._refused.clear()
            with contextlib.suppress(AriError):  # then callers hear that the service is interrupted
                await ari.set_global(ChannelVariable.CROWDED, str(int(time.time())))

    def _note(self, disk: DiskWriter, journal: Journal, item: Stamped) -> None:
        self._admission.notes(item.event)
        disk.soon(partial(journal.append, item))

    async def _accept(self, link: AriLink, dependencies: CallDependencies, tasks: asyncio.TaskGroup) -> None:
        async for arrival in link.calls():
            call = tasks.create_task(self._serve(arrival, dependencies))
            self._busy.add(call)
            call.add_done_callback(self._busy.discard)

    async def _serve(self, arrival: Arrival, dependencies: CallDependencies) -> None:
        logs.CALL.set(arrival.channel.id)
        log.info("call %s: begins", arrival.channel.id)
        await Session(arrival, dependencies).run()
        log.info("call %s: over for this worker", arrival.channel.id)


async def _while_running(task: asyncio.Task[None]) -> None:
    """Return, or raise, with ``task``, which goes on when this is cancelled."""
    await asyncio.shield(task)


async def work(recogniser_path: Path, classifier_path: Path, settings: Settings) -> None:
    """Load, warm up and serve.  SIGTERM and SIGINT end it; after SIGUSR1 it finishes its calls first.

    recogniser_path: path of the recogniser's socket.
    classifier_path: path of the classifier's socket.
    """
    stop, retire = entrypoint.stop_on_signals(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, retire.set)
    content = await asyncio.to_thread(Content.load, settings)
    langs = list(content.callflow.languages)
    recogniser = RemoteRecogniser(recogniser_path)
    recogniser.start()
    try:
        await asyncio.to_thread(Vad().probability, silence(0.1))  # the first call in a process is slow
        await asyncio.to_thread(number_words.prepare, langs)
        prompts = await asyncio.to_thread(open_prompts, settings, langs)
        try:
            await _loaded(recogniser, prompts)
            heartbeat.beat()
            await Worker(settings, content, recogniser, classifier_path, prompts).run(stop, retire)
        finally:
            await prompts.close()
    finally:
        await recogniser.close()


async def _loaded(recogniser: RemoteRecogniser, prompts: Prompts) -> None:
    """Return when the recogniser is ready, or has failed; load the voices while it loads its models.

    Without it callers go by keys, until it is there.
    """
    ready = asyncio.create_task(recogniser.ready())
    waiting = (await asyncio.wait({ready}, timeout=AT_ONCE_S))[1]
    if waiting:
        await prompts.warm_up()
    try:
        async with asyncio.timeout(RECOGNISER_S):
            await ready
    except (TimeoutError, RecogniserError) as error:
        log.error(
            "ALARM: no recogniser (%s); callers go by keys until there is one",
            str(error) or "it is not ready",
        )


def main() -> int:
    """Entry point of the worker process."""
    return entrypoint.run(partial(work, Path(sys.argv[1]), Path(sys.argv[2])), uvloop.run)


if __name__ == "__main__":
    sys.exit(main())
