"""``python -m ivr.service.collector``: joins and measures recordings, moves messages, notes the ends of calls.

`ivr run` starts it.

A process of its own with the lowest priority: with forty callers this was a fifth of the worker's time, and nobody
waits for it on the line.
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
from ivr.core import entrypoint, events
from ivr.core.audio import read_channels
from ivr.core.errors import AriError, AudioError
from ivr.core.periodic import file_lock, run_periodically
from ivr.core.settings import Settings
from ivr.core.vocabulary import CallOutcome, Party, QueueExit
from ivr.reporting import latency
from ivr.reporting.recording_analysis import analyse
from ivr.store import content_versions, queries, recordings
from ivr.store.database import open_store
from ivr.store.journal import RETRY_S, Journal
from ivr.store.messages import VoicemailSpool

log = logging.getLogger(__name__)

DAY_S = 86_400.0
GRACE_S = RETRY_S + 1.0
"""Seconds after its channel is gone in which a call's own ending may still come out of a worker's journal."""
MEASURED_AT_ONCE = 5
"""Recordings a round: a minute of sound costs up to 0.2 s of computing, and messages are not to wait for it."""
LEAST_PRIORITY = 19
"""Of Unix (nice): what it computes, calls do not need now."""


class Collector:
    """Runs beside the calls, every few seconds; everything it does can be done again after a crash."""

    def __init__(self, settings: Settings, ari: Ari, journal: Journal, pending: VoicemailSpool) -> None:
        self._settings, self._ari, self._journal, self._pending = settings, ari, journal, pending
        self._numbers = events.Sequence()
        self._generations_noted = False
        self._now = asyncio.get_running_loop().time
        self._gone: dict[str, float] = {}  # unfinished calls that Asterisk no longer has, and since when
        self._lock = settings.state_dir.lock("collector")

    async def run(self) -> None:
        """Until cancelled."""
        await run_periodically(self.once, "collecting")

    async def once(self) -> None:
        """One round.  A full disk or a database that is away is an alarm, and tried again."""
        # listed before the channels: what a call that begins meanwhile records is not taken for left behind
        spooled, notes = recordings.waiting(self._settings), self._pending.waiting()
        try:
            alive = {channel.id for channel in await self._ari.channels()}
        except AriError:
            return  # Asterisk is away: its calls may come back, nothing is taken from under them
        try:
            with file_lock(self._lock):
                await asyncio.to_thread(self._collect, alive, spooled, notes)
        except BlockingIOError:
            return  # another one is at it
        except OSError as error:
            log.error("ALARM: %s: messages and recordings wait in Asterisk's spool", error)
        except SQLAlchemyError as error:
            log.warning("database away (%s)", type(error).__name__)

    def _collect(self, alive: set[str], spooled: list[Path], notes: list[Path]) -> None:
        # messages first: whoever finds a call's recording finds its message, too
        for item in self._pending.collect(alive, notes):
            self._note(item.call_id or f"{self._settings.instance}-fallback-{item.event.message}", item.event)
        for call_id, kept in recordings.collect(self._settings, alive, spooled):
            self._note(call_id, kept)
        self._finish_left_calls(alive)
        self._measure()
        self._note_generations()

    def _finish_left_calls(self, alive: set[str]) -> None:
        """Calls that ended in the dialplan, or under a worker that was killed."""
        if not self._journal.drain():
            self._gone = {}  # how they ended may still wait in the spool, and in other processes' too
            return
        engine = open_store(self._settings.database)
        try:
            unfinished = queries.unfinished(engine, time.time() - DAY_S, self._settings.instance)
            for call_id in self._left(call_id for call_id in unfinished if call_id not in alive):
                told = queries.events_of(engine, call_id)
                # a recording is kept after the end: it tells nothing of when that was
                story = [item for item in told if not isinstance(item.event, events.RecordingKept)] or told
                self._note(call_id, _ending(story))
        finally:
            engine.dispose()

    def _left(self, gone: Iterable[str]) -> list[str]:
        """Those that have been gone, round after round, for so long that nobody else will tell how they ended.

        One that begins during a round seems gone, too, and is there in the next.
        """
        now = self._now()
        self._gone = {call_id: self._gone.get(call_id, now) for call_id in gone}
        return [call_id for call_id, since in self._gone.items() if now - since >= GRACE_S]

    def _note_generations(self) -> None:
        """Once: this process begins anew with each generation, which was published before."""
        if self._generations_noted:
            return
        engine = open_store(self._settings.database)
        try:
            published = [asdict(one) for one in versions.listed(self._settings)]
            content_versions.note(engine, self._settings.instance, published)
            self._generations_noted = True
        finally:
            engine.dispose()

    def _measure(self) -> None:
        """How long callers waited for their answers, in the recordings of calls that are over."""
        engine = open_store(self._settings.database)
        try:
            since, ours = time.time() - DAY_S, self._settings.instance
            for call in queries.unmeasured(engine, since, ours)[:MEASURED_AT_ONCE]:
                for event in self._measured(queries.events_of(engine, call["id"]), call["recording"]):
                    self._note(call["id"], event)
        finally:
            engine.dispose()
        self._journal.drain()  # or the next round measures them again

    def _measured(self, story: list[events.Stamped], file: str) -> list[events.Event]:
        try:
            channels, rate = read_channels(self._settings.state_dir.stored(file))
        except AudioError as error:
            log.warning("mouth to ear was not measured: %s", error)
            return [events.RecordingMeasured(0, latency.NO_GREETING)]
        caller, service = channels[0], channels[-1]
        return list(latency.measured(story, analyse(caller, service, rate)))

    def _note(self, call_id: str, event: events.Event) -> None:
        self._journal.append(events.Stamped(call_id, self._numbers.next(), 0.0, event))


def _ending(story: list[events.Stamped]) -> events.CallFinished:
    """How a call ended that no worker saw to its end."""
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
    """Until SIGTERM or SIGINT."""
    stop = entrypoint.stop_on_signals()
    journal = Journal(settings.state_dir.spool, settings.database, settings.pseudonyms)
    async with Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app) as ari:
        collector = Collector(settings, ari, journal, VoicemailSpool(settings))
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
