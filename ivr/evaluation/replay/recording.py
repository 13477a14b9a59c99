"""The caller's side of a recording as the listener's frames of 20 ms, with their probability of speech."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ivr.call.audio.turn_detector import FRAME_S
from ivr.core.audio import FRAME_BYTES, RATE, frames, read_channels, resample
from ivr.core.events import Heard
from ivr.core.run_lengths import read_runs
from ivr.speech.vad import Vad

AHEAD = 1
"""Frames by which Asterisk's recording begins before the listener: measured on real calls, the same in each."""
STEP_BYTES = FRAME_BYTES // 2
"""Bytes of 10 ms, Asterisk's own step: listener and recording drift apart by multiples of it."""
DRIFT = 600
"""Steps (6 s) to either side within which decoded audio is searched.

While a key is down or the machine is late, the listener inserts silence that the recording does not have.
"""
SILENCE = bytes(FRAME_BYTES)


@dataclass(frozen=True)
class CallRecording:
    """The caller's side of a call.

    frames: 20 ms each, 16-bit samples at 16 kHz, from the answer on.
    """

    frames: Sequence[bytes]

    @classmethod
    def read(cls, path: Path) -> CallRecording:
        """Return the left channel of the audio file ``path``; raises AudioError."""
        channels, rate = read_channels(path)
        return cls(list(frames(resample(channels[0], rate, RATE)))[AHEAD:])

    @classmethod
    def captures(cls, path: Path, parts: Mapping[int, int]) -> dict[int, CallRecording]:
        """Return the audio that the listener received, by the ``seq`` of each segment of the call.

        path: the captured audio; parts: number of frames by ``seq``, in the order of the file.
        Raises AudioError.
        """
        channels, _ = read_channels(path)
        heard = list(frames(channels[0]))
        found: dict[int, CallRecording] = {}
        start = 0
        for seq, count in parts.items():
            found[seq] = cls(heard[start : start + count])
            start += count
        return found

    def padded(self, seconds: float) -> CallRecording:
        """Return the recording, extended with silence to at least ``seconds``.

        Asterisk does not record a telephone that sends nothing, while the listener hears silence.
        """
        missing = round(seconds / FRAME_S) - len(self.frames)
        return CallRecording([*self.frames, *[SILENCE] * missing]) if missing > 0 else self

    @cached_property
    def voice(self) -> list[float]:
        """The probability of speech (0 to 1) in each frame, by a detector that heard the call from its beginning."""
        vad = Vad()
        return [vad.probability(frame) for frame in self.frames]

    def decoded_audio(self, heard: Heard, late_s: float = 0.0) -> bytes | None:
        """Return the audio that was decoded in the call, found by its CRC-32; None when it is not in the recording.

        heard: the event of the turn.
        late_s: seconds by which the times in ``heard`` are later than those of this recording.
        """
        first = round((heard.from_s - late_s) / FRAME_S)
        count = round((heard.to_s - heard.from_s) / FRAME_S)
        holes = gaps(heard)
        for shift in sorted(range(-DRIFT, DRIFT + 1), key=abs):
            start = max(0, first * FRAME_BYTES + shift * STEP_BYTES)
            for silent in (holes, frozenset[int]()) if holes else (holes,):
                sound = self._pcm[start : start + (count - len(silent)) * FRAME_BYTES]
                pcm = _with_gaps(list(frames(sound)), silent, count) if silent else sound
                if f"{zlib.crc32(pcm):08x}" == heard.sum:
                    return pcm
        return None

    @cached_property
    def _pcm(self) -> bytes:
        return b"".join(self.frames)


def gaps(heard: Heard) -> frozenset[int]:
    """Return the numbers of the frames of a turn's decoded audio that the listener inserted as silence."""
    return read_runs(heard.gaps)


def _with_gaps(sound: Sequence[bytes], silent: frozenset[int], count: int) -> bytes:
    """Return ``count`` frames: silence at the places ``silent``, and ``sound`` at the others."""
    left = iter(sound)
    return b"".join(SILENCE if place in silent else next(left, b"") for place in range(count))
