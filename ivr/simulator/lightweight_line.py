"""A telephone line that costs almost nothing, for load tests with many callers.

Asterisk plays what the caller says and detects the service's speech.  The audio is captured on the network
(``ivr.simulator.rtp_capture``).  To the service this caller looks like the one of ``ivr.simulator.sip_line``.  There
every frame passes through this process: 40 such telephones took a third of the machine that they measured.

The service must send all the time, as ours does: Asterisk detects no silence when no audio arrives.
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
"""Silence after which Asterisk reports the end of speech."""
LOUD = 180
"""Mean amplitude of 16-bit samples that Asterisk takes for speech: -45 dBFS."""
PLAY_S = 60.0
"""Longest playback of one utterance."""
FRAME_S = 0.02


class PlaybackFiles:
    """The callers' utterances as A-law files that Asterisk can play.

    folder: where they are written.
    inside: the same folder as a path inside Asterisk's root file system.
    """

    def __init__(self, folder: Path, inside: str) -> None:
        self._folder, self._inside = folder, inside

    def path(self, pcm: bytes) -> str:
        """Write ``pcm`` (s16le mono 16 kHz) unless it is there; returns Asterisk's path without extension."""
        name = hashlib.sha256(pcm).hexdigest()[:16]
        file = self._folder / f"{name}.alaw"
        if not file.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(alaw_encode(resample(pcm, RATE, PHONE_RATE)))
        return f"{self._inside}/{name}"


class LightweightLine(LineEnd):
    """One caller's line; made by ``open_lightweight_line``.  ``port`` is its UDP port for RTP.

    Its audio comes from the network capture with ``set_audio`` after the call.
    """

    def __init__(self, ari: Ari, channel_id: str, files: PlaybackFiles) -> None:
        super().__init__(ari, channel_id)
        self.port = 0
        self._files = files
        self._answered_time = time.time()
        self._playback_finished = asyncio.Event()
        self._audio = CapturedAudio()

    def answered(self) -> None:
        """Start the clock: the call is answered now."""
        super().answered()
        self._answered_time = time.time()

    async def start_listening(self) -> None:
        """Start silence and speech detection in Asterisk, and read the port that the audio uses."""
        await self._ari.start_silence(self.channel_id)
        await self._ari.set_variable(self.channel_id, "TALK_DETECT(set)", f"{QUIET_MS},{LOUD}")
        source = await self._ari.variable(self.channel_id, "CHANNEL(rtp,src)")
        self.port = int(source.rpartition(":")[2])

    async def handle_event(self, event: ev.AriEvent) -> None:
        """Note what an ARI event of this channel says about speech and playback."""
        match event:
            case ev.ChannelTalkingStarted():
                await self._note_voice(self.now, speaking=True)
            case ev.ChannelTalkingFinished():
                await self._note_voice(self.now - QUIET_MS / 1000)
            case ev.PlaybackFinished():
                self._playback_finished.set()

    async def say(self, pcm: bytes) -> None:
        """Play ``pcm`` (s16le mono 16 kHz) to its end; raises TimeoutError after 60 s."""
        self._playback_finished.clear()
        await self._ari.stop_silence(self.channel_id)
        await self._ari.play(self.channel_id, self._files.path(pcm))
        async with asyncio.timeout(PLAY_S):
            await self._playback_finished.wait()
        await self._ari.start_silence(self.channel_id)

    def set_audio(self, audio: CapturedAudio) -> None:
        """Set the captured audio of this line's port."""
        self._audio = audio

    def legs(self, length_s: float) -> Legs:
        """Both sides of the first ``length_s`` seconds since the answer.

        A telephone sends what was said in the previous 20 ms and plays what arrives during the next 20 ms.
        """
        said = self._track(self._audio.sent, length_s, 0.0)
        heard = self._track(self._audio.received, length_s, FRAME_S)
        caller, service = (resample(track.pcm(length_s), PHONE_RATE) for track in (said, heard))
        return Legs(caller, service, heard.holes())

    def _track(self, packets: Sequence[Packet], length_s: float, delay_s: float) -> RecordingTrack:
        track = RecordingTrack(PHONE_RATE)
        for packet in packets:
            at = packet.time - self._answered_time
            if 0 <= at <= length_s:  # other calls use this port before and after
                track.add(alaw_decode(packet.alaw), at + delay_s)
        return track


@asynccontextmanager
async def open_lightweight_line(
    ari: Ari, channel_id: str, files: PlaybackFiles
) -> AsyncIterator[tuple[LightweightLine, str]]:
    """Open a line for the SIP channel that will be created as ``channel_id``.

    Yields the line and an empty bridge id: it needs no bridge.  On exit the channel is hung up.
    """
    try:
        yield LightweightLine(ari, channel_id, files), ""
    finally:
        with contextlib.suppress(AriError):  # when Asterisk is gone, so is the channel
            await asyncio.shield(ari.hangup(channel_id))
