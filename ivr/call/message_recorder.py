"""Recording a caller's voicemail message with Asterisk, so that the message outlives this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.call.audio.leg import CallLeg
from ivr.call.dead_man import DeadManTimer
from ivr.call.dialogue.caller import RecordedMessage
from ivr.content.callflow import Voicemail
from ivr.core import events
from ivr.core.disk_writer import LONGEST_S, DiskWriter
from ivr.core.errors import AriError, AriNotFound, CallerGone
from ivr.core.threads import in_thread
from ivr.core.vocabulary import FaultPart
from ivr.store.messages import SHORTEST_S, VoicemailSpool

log = logging.getLogger(__name__)

R = TypeVar("R")

DEADMAN_MARGIN_S = 15
"""Seconds beyond the longest message before the dead-man timer ends a recording."""
ASK_S = 3.0
"""Seconds after which Asterisk is asked whether it still records: an event is lost when its socket breaks."""
LATE_S = 5
"""Seconds beyond the longest message after which a recording counts as ended in any case."""
QUIET_S = 30
"""Longest recording, in seconds, that no silence ends."""
EVENTS_WAITING = 8
"""Recording events kept while nothing waits for them; the oldest goes."""


class MessageRecorder:
    """Records the messages of one call.

    ari: the REST client.  leg: the caller's leg.  dead_man: the call's timer.
    voicemail: the spool of messages that the collector stores.
    disk: the thread that writes the spool's notes.
    note: writes an event of this call to the journal.
    """

    def __init__(
        self,
        ari: Ari,
        leg: CallLeg,
        dead_man: DeadManTimer,
        voicemail: VoicemailSpool,
        disk: DiskWriter,
        note: Callable[[events.Event], object],
    ) -> None:
        self._ari, self._leg, self._dead_man = ari, leg, dead_man
        self._voicemail, self._disk, self._note = voicemail, disk, note
        self._events: asyncio.Queue[ev.RecordingEvent] = asyncio.Queue(EVENTS_WAITING)
        self._quiet = False
        """Whether the last recording held nothing that Asterisk takes for speech."""
        self.kept = 0
        """How many messages were kept."""

    def on_event(self, event: ev.RecordingEvent) -> None:
        """Take an event about a recording of this channel."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    async def record(self, number: str, lang: str, limits: Voicemail) -> RecordedMessage:
        """Beep and record until ``#``, silence, the limit or a hang-up; return the message.

        Asterisk takes a whisper for silence, and no setting changes that for a recording through ARI: its threshold
        is ``global_silence_threshold`` in main/app.c, and not that of dsp.conf.  So after a recording without speech
        no silence ends the next one, which lasts at most ``QUIET_S``: then a whisper is a message, too.

        number: the caller's number.  lang: their language.  limits: seconds of a message and of the final silence.

        Raises CallerGone.
        """
        name = self._voicemail.new_name()
        await self._write(partial(self._voicemail.begin, self._leg.channel_id, number, lang, name))
        longest = int(min(limits.max_s, QUIET_S) if self._quiet else limits.max_s)
        try:
            async with self._leg.aside():
                async with self._dead_man.extended(longest + DEADMAN_MARGIN_S):
                    await self._ari.record(
                        self._leg.channel_id, name, beep=True,
                        max_seconds=longest, max_silence=0 if self._quiet else int(limits.silence_s),
                    )  # fmt: skip
                ended = await self._end(name, longest)
        except AriNotFound:
            raise CallerGone from None
        except AriError as error:
            return self._failed(name, str(error))
        if isinstance(ended, ev.RecordingFailed) or await self._read(self._voicemail.disk_full):
            cause = ended.cause if isinstance(ended, ev.RecordingFailed) else "the disk is full"
            return self._failed(name, cause or "Asterisk gave no reason")
        # The silence that ends a message is no part of it.  Asterisk counts whole seconds, and too many where frames
        # of the silence were lost: a file that the collector would throw away counts as no message.
        talked = ended.talking_duration if ended.talking_duration >= 0 else ended.duration
        if talked < 0:  # its event was lost: in doubt it is a message, and the collector decides
            talked = longest
        length = await self._read(partial(self._voicemail.length, name))
        if self._quiet and await self._read(partial(self._voicemail.is_audible, name)) is False:
            length = 0.0
        found = float(talked) if length is None else min(float(talked), length)
        self._quiet = found < SHORTEST_S
        return RecordedMessage(name, found)

    async def keep(self, message: RecordedMessage) -> None:
        """Leave the message to the collector, which stores it."""
        self.kept += 1
        await self._write(partial(self._voicemail.keep, message.name))

    async def discard(self, message: RecordedMessage) -> None:
        """Drop a message that is empty or is recorded again."""
        await self._write(partial(self._voicemail.discard, message.name))

    async def audio(self, message: RecordedMessage) -> bytes:
        """Return the message as s16le at 16 kHz; empty when it cannot be read."""
        return await self._read(partial(self._voicemail.audio, message.name)) or b""

    async def _write(self, job: Callable[[], object]) -> None:
        """Write to the spool; a disk that stalls does it later, since the caller would hear nothing meanwhile."""
        try:
            await self._disk.do(job)
        except TimeoutError:
            log.warning("the disk of the messages' notes stalls; the call goes on")

    async def _read(self, look: Callable[[], R]) -> R | None:
        """Look into the spool; None when the disk stalls."""
        return await in_thread(look, LONGEST_S, None)

    async def _end(self, name: str, max_s: int) -> ev.RecordingEvent:
        """Wait for the end of a recording; where its event was lost, return one without durations."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max_s + LATE_S):
                while (ended := await self._told(name)) is None:
                    with contextlib.suppress(AriError):  # Asterisk may answer the next time
                        if not await self._ari.is_recording(name):
                            break
                else:
                    return ended
        ended = await self._told(name, wait_s=0.0)  # the event may have come with the answer
        if ended is None:
            log.warning("message %s: the end of its recording was not told; going on", name)
        return ended or ev.RecordingFinished(name, self._leg.channel_id, "")

    async def _told(self, name: str, wait_s: float = ASK_S) -> ev.RecordingEvent | None:
        """The event of the end of a recording; None when there is none within ``wait_s`` seconds."""
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    event = await self._events.get()
                    if event.name == name and isinstance(event, ev.RecordingFinished | ev.RecordingFailed):
                        return event
        except TimeoutError:
            return None

    def _failed(self, name: str, why: str) -> RecordedMessage:
        """Report a failure.  The spool's note stays: the collector takes what there is of the message."""
        log.error(
            "ALARM: message %s could not be recorded (%s): check the disk of Asterisk's spool", name, why
        )
        self._note(events.Fault(FaultPart.VOICEMAIL, why))
        return RecordedMessage(name, 0.0, failed=True)
