"""A telephone line that hardly costs anything, for many callers at once: Asterisk itself plays what the caller says
and tells when it hears a voice, and the sound is kept on the network (``ivr.simulator.rtp_capture``).

To the service it is the same caller as ``ivr.simulator.sip_line`` makes; there each frame goes through our own
process, and forty telephones took a third of the machine whose service they measured.  The service must send all
the time, as ours does: Asterisk hears no silence in audio that does not come.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.core.audio import PHONE_RATE, RATE, alaw_decode, alaw_encode, resample
from ivr.core.errors import AriError
from ivr.simulator.line_end import LineEnd
from ivr.simulator.recording_track import Legs, RecordingTrack
from ivr.simulator.rtp_capture import CapturedAudio, Packet

QUIET_MS = 200
"""Silence after which Asterisk says that nobody speaks any more."""
LOUD = 180
"""Mean amplitude of 16-bit samples from which it takes them for a voice: -45 dB against full scale."""
PLAY_S = 60.0
"""Longest time a sound may take to be played."""
FRAME_S = 0.02


class Voices:
    """What callers say, as A-law files that Asterisk finds: ``folder`` is ``inside`` its own file system."""

    def __init__(self, folder: Path, inside: str) -> None:
        self._folder, self._inside = folder, inside

    def file(self, pcm: bytes) -> str:
        """Where Asterisk finds these slin16 samples, without the ending."""
        name = hashlib.sha256(pcm).hexdigest()[:16]
        path = self._folder / f"{name}.alaw"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(alaw_encode(resample(pcm, RATE, PHONE_RATE)))
        return f"{self._inside}/{name}"


class LightweightLine(LineEnd):
    """One caller's line; made by ``open_light_line``.  ``heard_from`` gives it its sound when the call is over."""

    def __init__(self, ari: Ari, channel_id: str, voices: Voices) -> None:
        super().__init__(ari, channel_id)
        self.port = 0
        self._voices = voices
        self._answered = time.time()
        self._played = asyncio.Event()
        self._sound = CapturedAudio()

    def answered(self) -> None:
        """This is the moment of the answer: times count from here."""
        super().answered()
        self._answered = time.time()

    async def attend(self) -> None:
        """Let Asterisk send, listen and say which port the sound takes."""
        await self._ari.start_silence(self.channel_id)
        await self._ari.set_variable(self.channel_id, "TALK_DETECT(set)", f"{QUIET_MS},{LOUD}")
        source = await self._ari.variable(self.channel_id, "CHANNEL(rtp,src)")
        self.port = int(source.rpartition(":")[2])

    async def noticed(self, event: ev.AriEvent) -> None:
        """What Asterisk tells of this channel."""
        match event:
            case ev.ChannelTalkingStarted():
                await self._note_voice(self.now, speaks=True)
            case ev.ChannelTalkingFinished():
                await self._note_voice(self.now - QUIET_MS / 1000)
            case ev.PlaybackFinished():
                self._played.set()

    async def say(self, pcm: bytes) -> None:
        """Speak; returns when it has been played."""
        self._played.clear()
        await self._ari.stop_silence(self.channel_id)
        await self._ari.play(self.channel_id, self._voices.file(pcm))
        async with asyncio.timeout(PLAY_S):
            await self._played.wait()
        await self._ari.start_silence(self.channel_id)

    def heard_from(self, sound: CapturedAudio) -> None:
        """This is what went over its port."""
        self._sound = sound

    def legs(self, length_s: float) -> Legs:
        """Both sides from the answer on.  A telephone sends what was said in the 20 ms before, and plays what came in
        the 20 ms after."""
        said = self._track(self._sound.sent, length_s, 0.0)
        heard = self._track(self._sound.received, length_s, FRAME_S)
        caller, service = (resample(leg.pcm(length_s), PHONE_RATE) for leg in (said, heard))
        return Legs(caller, service, heard.holes())

    def _track(self, packets: Sequence[Packet], length_s: float, later_s: float) -> RecordingTrack:
        leg = RecordingTrack(PHONE_RATE)
        for packet in packets:
            at = packet.time - self._answered
            if 0 <= at <= length_s:  # other calls had this port before and after
                leg.add(alaw_decode(packet.alaw), at + later_s)
        return leg


@asynccontextmanager
async def open_light_line(
    ari: Ari, channel_id: str, voices: Voices
) -> AsyncIterator[tuple[LightweightLine, str]]:
    """A line for the coming SIP channel, which needs no bridge; on leaving the channel is hung up."""
    try:
        yield LightweightLine(ari, channel_id, voices), ""
    finally:
        with contextlib.suppress(AriError):  # when Asterisk is gone so is the channel
            await asyncio.shield(ari.hangup(channel_id))
