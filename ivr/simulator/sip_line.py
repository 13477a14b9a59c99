"""A telephone line whose audio passes through this process: a SIP channel and a media channel in one bridge.

Both legs are recorded with the times at which they passed (``ivr.simulator.recording_track``).  Sent audio is
timed by Asterisk's report that it was played, received audio by its arrival.
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
"""Samples sent ahead of playback: 160 ms, for a busy machine.  Speech starts that much after the decision."""
BLOCK = 2 * FRAME_BYTES
"""Bytes handed to Asterisk at a time."""
VOICE_DB = -45.0
"""A frame above this level (dBFS) counts as loud."""
VOICE_FRAMES = 2
"""Consecutive loud frames that count as speech."""
STASIS_S = 5.0
"""Longest wait for a media channel to enter the application."""


class SipLine(LineEnd):
    """A line to speak into and to listen to; made by ``open_line``.  ``keys`` holds the digits that came in."""

    def __init__(self, ari: Ari, channel_id: str, media: MediaLink) -> None:
        super().__init__(ari, channel_id)
        self.said, self.heard = RecordingTrack(), RecordingTrack()
        self.keys: list[str] = []
        self._media = media
        self._queue: deque[tuple[bytes, asyncio.Event]] = deque()
        self._sent: deque[tuple[int, bytes]] = deque()
        self._loud_frames = 0

    def answered(self) -> None:
        """Start the clock and both recordings: the call is answered now."""
        super().answered()
        self.said, self.heard = RecordingTrack(), RecordingTrack()

    async def say(self, pcm: bytes) -> None:
        """Speak ``pcm`` (s16le mono 16 kHz) after what is already queued; returns when all of it is sent."""
        done = asyncio.Event()
        self._queue.append((pcm, done))
        await done.wait()

    async def start_listening(self) -> None:
        """Do nothing: ``run`` already speaks and listens."""

    async def handle_event(self, event: ev.AriEvent) -> None:
        """Ignore the channel's ARI events: this line detects speech in the audio itself."""

    def legs(self, length_s: float) -> Legs:
        """Both sides of the first ``length_s`` seconds since the answer."""
        return Legs(self.said.pcm(length_s), self.heard.pcm(length_s), self.heard.holes())

    async def run(self) -> None:
        """Send speech or silence and record what comes in, until the media link closes."""
        sender = asyncio.create_task(self._send())
        try:
            async for event in self._media:
                match event:
                    case AudioFrame():
                        await self._receive(event.pcm)
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
        """Send the queued utterances, and silence between them, at the pace that Asterisk sets."""
        rest, done = b"", None
        total = 0
        while True:
            if not rest and done is not None:
                done.set()
                done = None
            if not rest and self._queue:
                rest, done = self._queue.popleft()
            block = rest[:BLOCK].ljust(BLOCK, b"\0")
            rest = rest[BLOCK:]
            total += BLOCK // 2
            self._sent.append((total, block))
            try:
                await self._media.send(block)
            except LinkLost:
                return

    def _note_played(self, samples: int) -> None:
        """Record the sent audio before ``samples``; a telephone's microphone picks it up one frame earlier."""
        while self._sent and self._sent[0][0] <= samples:
            end, block = self._sent.popleft()
            self.said.add(block, self.now - FRAME_S - (samples - end) / RATE)

    async def _receive(self, pcm: bytes) -> None:
        now = self.now
        self.heard.add(pcm, now + FRAME_S)  # a telephone starts to play a frame when it arrives
        self._loud_frames = self._loud_frames + 1 if _level_db(pcm) > VOICE_DB else 0
        if self._loud_frames >= VOICE_FRAMES:
            await self._note_voice(now)


@contextlib.asynccontextmanager
async def open_line(ari: Ari, link: AriLink, channel_id: str) -> AsyncIterator[tuple[SipLine, str]]:
    """Open a line for the SIP channel ``channel_id``, which may exist already or be created later.

    Yields the line and the id of the bridge that the SIP channel must be put in.  On exit the bridge and both
    channels are removed.  Raises AriError when Asterisk refuses a part.
    """
    media_id, bridge_id = f"media-{channel_id}", f"bridge-{channel_id}"
    with link.events(media_id) as events:
        media = await ari.external_media(media_id)
        try:
            async with await MediaLink.connect(ari.base, media.connection_id, ahead=AHEAD) as socket:
                await wait_for_stasis(events)
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
            await asyncio.shield(_remove(ari, channel_id, media_id, bridge_id))


async def wait_for_stasis(events: ChannelEvents) -> None:
    """Wait for a channel's StasisStart, before which it cannot be bridged; raises TimeoutError after 5 s."""
    async with asyncio.timeout(STASIS_S):
        async for event in events:
            if isinstance(event, ev.StasisStart):
                return


async def _remove(ari: Ari, channel_id: str, media_id: str, bridge_id: str) -> None:
    with contextlib.suppress(AriError):  # when Asterisk is gone, so are its channels and bridges
        await ari.hangup(channel_id)
        await ari.hangup(media_id)
        await ari.delete_bridge(bridge_id)


def _level_db(pcm: bytes) -> float:
    samples = to_floats(pcm)
    return 10 * math.log10(max(float(np.dot(samples, samples)) / samples.size, 1e-12))
