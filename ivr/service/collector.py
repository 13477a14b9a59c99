"""The collector process: joins and measures recordings, moves messages, and completes calls that no worker ended.

`ivr run` starts it as ``python -m ivr.service.collector``.  It is a process of its own with the lowest priority.
With forty callers its work took a fifth of the worker's time, and no caller waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER
from ivr.content import versions
from ivr.core import entrypoint, events, heartbeat
from ivr.core.audio import read_channels
from ivr.core.errors import AriError, AudioError
from ivr.core.periodic import round_lock, run_periodically
from ivr.core.settings import Settings
from ivr.core.vocabulary import CallOutcome, Party, QueueExit
from ivr.reporting import latency
from ivr.reporting.recording_analysis import analyse
from ivr.service.disk_guard import DiskGuard
from ivr.store import content_versions, queries, recordings
from ivr.store.database import Store
from ivr.store.journal import RETRY_S, Journal
from ivr.store.messages import VoicemailSpool
from ivr.store.quarantine import Quarantine

log = logging.getLogger(__name__)

DAY_S = 86_400.0
GRACE_S = RETRY_S + 1.0
"""Seconds after the end of a channel in which a worker's journal may still bring the end of the call."""
MEASURED_AT_ONCE = 5
"""Recordings measured in a round.  A minute of audio takes up to 0.2 s, for which messages should not wait."""
LEAST_PRIORITY = 19
"""Unix priority (nice)."""


class Collector:
    """Works every few seconds; each step can be repeated after a crash.

    ari: client that tells which channels exist.
    store: the process's handle of the database.
    journal: takes the events of this process.
    pending: messages that Asterisk has recorded.
    """

    def __init__(
        self, settings: Settings, ari: Ari, store: Store, journal: Journal, pending: VoicemailSpool
    ) -> None:
        self._settings, self._ari = settings, ari
        self._store, self._journal, self._pending = store, journal, pending
        self._quarantine = Quarantine(settings)
        self._guard = DiskGuard(settings, ari, store)
        self._numbers = events.Sequence()
        self._content_versions_noted = False
        self._now = asyncio.get_running_loop().time
        self._gone: dict[str, float] = {}  # unfinished calls that Asterisk no longer has, and since when
        self._lock = settings.state_dir.lock("collector")

    async def run(self) -> None:
        """Work in rounds until cancelled."""
        await run_periodically(self.once, "collecting")

    async def once(self) -> None:
        """Do one round.  What a full disk or an unreachable database prevents is logged and tried again."""
        await self._guard_disk()
        # listed before the channels, so that the recording of a call that begins now does not look abandoned
        spooled = await asyncio.to_thread(recordings.waiting, self._settings)
        notes = await asyncio.to_thread(self._pending.waiting)
        try:
            alive = {channel.id for channel in await self._ari.channels()}
        except AriError:
            return  # without Asterisk it is unknown which calls are over
        try:
            async with round_lock(self._lock):
                await asyncio.to_thread(self._collect, alive, spooled, notes)
        except BlockingIOError:
            return  # another process does it
        except OSError as error:
            log.error("ALARM: %s: messages and recordings wait in Asterisk's spool", error)
        except SQLAlchemyError as error:
            log.warning("database away (%s)", type(error).__name__)

    async def _guard_disk(self) -> None:
        try:
            await self._guard.once()
        except (AriError, OSError, SQLAlchemyError) as error:
            log.warning("the disk is not guarded: %s", type(error).__name__)

    def _collect(self, alive: set[str], spooled: list[Path], notes: list[Path]) -> None:
        self._quarantine.sweep()
        self._take_spooled(alive, spooled, notes)
        self._finish_left_calls(alive)
        self._measure()
        self._note_content_versions()

    def _take_spooled(self, alive: set[str], spooled: list[Path], notes: list[Path]) -> None:
        """Note what lies in the spool.  Its files are deleted when the journal has the event on the disk."""
        if not self._journal.sync():
            return
        # messages first, so that a call with a recording has its message, too
        for item in self._pending.collect(alive, notes):
            self._note(item.call_id or f"{self._settings.instance}-fallback-{item.event.message}", item.event)
            if not self._journal.sync():
                return
        if not spooled or not self._journal.drain():
            return  # whether a caller has refused is unknown
        refused = queries.refused_calls(self._store, [recordings.call_of(path) for path in spooled])
        for call_id, kept in recordings.collect(self._settings, alive, spooled, self._quarantine, refused):
            self._note(call_id, kept)
            if not self._journal.sync():
                return

    def _finish_left_calls(self, alive: set[str]) -> None:
        """Note the end of calls that ended in the dialplan, or whose worker was killed."""
        if not self._journal.drain():
            self._gone = {}  # their ends may still wait in the journal of this or another process
            return
        running = queries.running_calls(self._store, time.time() - DAY_S, self._settings.instance)
        for call_id in self._left(call_id for call_id in running if call_id not in alive):
            told = queries.events_of(self._store, call_id)
            # a recording is kept after the end, and does not tell when that was
            story = [item for item in told if not isinstance(item.event, events.RecordingKept)] or told
            self._note(call_id, _ending(story))

    def _left(self, gone: Iterable[str]) -> list[str]:
        """Calls whose channel has been gone for ``GRACE_S``, so that no worker will report their end.

        A call that begins during a round seems gone as well, and exists in the next.
        """
        now = self._now()
        self._gone = {call_id: self._gone.get(call_id, now) for call_id in gone}
        return [call_id for call_id, since in self._gone.items() if now - since >= GRACE_S]

    def _note_content_versions(self) -> None:
        """Store the list of content versions, once: this process restarts with each new version."""
        if self._content_versions_noted:
            return
        published = [asdict(one) for one in versions.listed(self._settings)]
        content_versions.record(self._store, self._settings.instance, published)
        self._content_versions_noted = True

    def _measure(self) -> None:
        """Measure in recordings of finished calls how long callers waited for answers."""
        since, ours = time.time() - DAY_S, self._settings.instance
        for call in queries.unmeasured(self._store, since, ours)[:MEASURED_AT_ONCE]:
            for event in self._measured(queries.events_of(self._store, call.id), call.recording):
                self._note(call.id, event)
        self._journal.drain()  # otherwise the next round measures them again

    def _measured(self, story: list[events.Stamped], file: str) -> list[events.Event]:
        try:
            channels, rate = read_channels(self._settings.state_dir.stored(file))
        except AudioError as error:
            log.warning("answer latency was not measured: %s", error)
            return [events.RecordingMeasured(0, latency.NO_GREETING)]
        caller, service = channels[0], channels[-1]
        return list(latency.measured(story, analyse(caller, service, rate)))

    def _note(self, call_id: str, event: events.Event) -> None:
        self._journal.append(events.Stamped(call_id, self._numbers.next(), 0.0, event))


def _ending(story: list[events.Stamped]) -> events.CallFinished:
    """The end of a call, concluded from its events, when no worker saw it."""
    kinds = [item.event for item in story]
    handed_off = any(isinstance(event, events.HandOff | events.PersonAnswered) for event in kinds)
    left_message = any(isinstance(event, events.MessageLeft) for event in kinds)
    gave_up = any(isinstance(event, events.QueueLeft) and event.why == QueueExit.HANG_UP for event in kinds)
    outcome = (
        CallOutcome.MESSAGE if left_message
        else CallOutcome.ABANDONED if gave_up
        else CallOutcome.PERSON if handed_off
        else CallOutcome.FALLBACK
    )  # fmt: skip
    by = Party.CALLER if gave_up or _hung_up_on_adviser(kinds) else Party.DIALPLAN
    begun = next((item.at for item in story if isinstance(item.event, events.CallStarted)), story[0].at)
    return events.CallFinished(outcome, by, round(story[-1].at - begun, 2))


def _hung_up_on_adviser(kinds: list[events.Event]) -> bool:
    talks = [event for event in kinds if isinstance(event, events.PersonLeft)]
    return bool(talks) and talks[-1].by == Party.CALLER


async def _collecting(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = entrypoint.stop_on_signals()
    heartbeat.beat()
    store = Store(settings.database)
    journal = await asyncio.to_thread(Journal, settings.state_dir.spool, store, settings.pseudonyms)
    pending = await asyncio.to_thread(VoicemailSpool, settings)
    async with Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app) as ari:
        collector = Collector(settings, ari, store, journal, pending)
        async with asyncio.TaskGroup() as tasks:
            parts = [tasks.create_task(part) for part in (journal.run(), collector.run())]
            await stop.wait()
            for part in parts:
                part.cancel()


def main() -> int:
    """Entry point of the collector's process."""
    os.nice(LEAST_PRIORITY)
    return entrypoint.run(_collecting)


if __name__ == "__main__":
    sys.exit(main())
