"""One end of a telephone line: a SIP channel and a media channel in a bridge, spoken into and heard in real
time.

Both legs are kept with the times at which they passed: what we said is timed by Asterisk's word that it was
played,
what we heard by its arrival (``track``).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator

import numpy as np

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink, ChannelEvents
from ivr.asterisk.media import AudioFrame, Closed, Dtmf, Played
from ivr.asterisk.media_link import MediaLink
from ivr.core.audio import FRAME_BYTES, FRAME_MS, RATE, to_floats
from ivr.core.errors import AriError, LinkLost
from ivr.simulator.line_end import LineEnd
from ivr.simulator.recording_track import Legs, RecordingTrack

FRAME_S = FRAME_MS / 1000
AHEAD = 8 * RATE * FRAME_MS // 1000
"""Samples sent ahead: 160 ms, for a busy machine; so much later than decided is a word spoken."""
BLOCK = 2 * FRAME_BYTES
"""Bytes handed to Asterisk at a time."""
VOICE_DB = -45.0
"""A frame louder than this (dB against full scale) is taken as speech while the call runs."""
VOICE_FRAMES = 2
"""So many loud frames in a row are speech."""


class SipLine(LineEnd):
    """Speak into it and listen to it; made by ``open_line``."""

    def __init__(self, ari: Ari, channel_id: str, media: MediaLink) -> None:
        super().__init__(ari, channel_id)
        self.said, self.heard = RecordingTrack(), RecordingTrack()
        self.keys: list[str] = []
        self._media = media
        self._queue: deque[tuple[bytes, asyncio.Event]] = deque()
        self._sent: deque[tuple[int, bytes]] = deque()
        self._loud = 0

    def answered(self) -> None:
        """This is the moment of the answer: times count from here."""
        super().answered()
        self.said, self.heard = RecordingTrack(), RecordingTrack()

    async def say(self, pcm: bytes) -> None:
        """Speak; returns when it has been handed out.  Several sayings follow each other."""
        done = asyncio.Event()
        self._queue.append((pcm, done))
        await done.wait()

    async def attend(self) -> None:
        """``run`` speaks and listens already."""

    async def noticed(self, event: ev.AriEvent) -> None:
        """What Asterisk tells of the channel says nothing new here: we hear ourselves."""

    def legs(self, length_s: float) -> Legs:
        """Both sides from the answer on."""
        return Legs(self.said.pcm(length_s), self.heard.pcm(length_s), self.heard.holes())

    async def run(self) -> None:
        """Keep the line alive until the media link closes: sends voice or silence, takes in what comes."""
        sender = asyncio.create_task(self._send())
        try:
            async for event in self._media:
                match event:
                    case AudioFrame():
                        await self._take(event.pcm)
                    case Played():
                        self._note_played(event.samples)
                    case Dtmf():
                        self.keys.append(event.digit)
                    case Closed():
                        break
        finally:
            self.ended.set()
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send(self) -> None:
        """A telephone always sends: the utterance that is due, else silence.  Asterisk's pace is ours."""
        rest, done = b"", None
        total = 0
        while True:
            if not rest and done is not None:
                done.set()
                done = None
            if not rest and self._queue:
                rest, done = self._queue.popleft()
            frame = rest[:BLOCK].ljust(BLOCK, b"\0")
            rest = rest[BLOCK:]
            total += BLOCK // 2
            self._sent.append((total, frame))
            try:
                await self._media.send(frame)
            except LinkLost:
                return

    def _note_played(self, samples: int) -> None:
        """What lies before ``samples`` is out: a telephone would have heard it one frame before
        sending it.
        """
        while self._sent and self._sent[0][0] <= samples:
            end, frame = self._sent.popleft()
            self.said.add(frame, self.now - FRAME_S - (samples - end) / RATE)

    async def _take(self, pcm: bytes) -> None:
        now = self.now
        self.heard.add(pcm, now + FRAME_S)  # heard from its arrival on
        self._loud = self._loud + 1 if _level_db(pcm) > VOICE_DB else 0
        if self._loud >= VOICE_FRAMES:
            await self._note_voice(now)


@contextlib.asynccontextmanager
async def open_line(ari: Ari, link: AriLink, channel_id: str) -> AsyncIterator[tuple[SipLine, str]]:
    """A Line for the (present or coming) SIP channel and the id of the bridge it must be put in.

    On leaving everything is removed, the SIP channel too.
    """
    media_id, bridge_id = f"media-{channel_id}", f"bridge-{channel_id}"
    with link.events(media_id) as events:
        media = await ari.external_media(media_id)
        try:
            async with await MediaLink.connect(ari.base, media.connection_id, ahead=AHEAD) as socket:
                await _entered(events)
                await ari.create_bridge(bridge_id)
                await ari.add_channel(bridge_id, media_id)
                line = SipLine(ari, channel_id, socket)
                running = asyncio.create_task(line.run())
                try:
                    yield line, bridge_id
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)
        finally:
            await asyncio.shield(_clear(ari, channel_id, media_id, bridge_id))


async def _entered(events: ChannelEvents) -> None:
    """A channel can be bridged only after its StasisStart."""
    async with asyncio.timeout(5):
        async for event in events:
            if isinstance(event, ev.StasisStart):
                return


async def _clear(ari: Ari, channel_id: str, media_id: str, bridge_id: str) -> None:
    with contextlib.suppress(AriError):  # when Asterisk is gone so are they
        await ari.hangup(channel_id)
        await ari.hangup(media_id)
        await ari.delete_bridge(bridge_id)


def _level_db(pcm: bytes) -> float:
    samples = to_floats(pcm)
    return 10 * math.log10(max(float(np.dot(samples, samples)) / samples.size, 1e-12))
