"""A recording on the ear's own grid of frames, and who speaks in them."""

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
"""Frames by which a recording begins before the ear: measured on real calls, the same in each."""
STEP_BYTES = FRAME_BYTES // 2
"""Ear and recording drift apart by half frames: 10 ms are Asterisk's own step."""
DRIFT = 600
"""Steps (6 s) within which a stretch of audio is looked for: where a key is down, or this machine is late, the ear
fills in silence that the recording does not have."""
SILENCE = bytes(FRAME_BYTES)


@dataclass(frozen=True)
class CallRecording:
    """The caller's side of a call, as ``frames`` of 20 ms from the answer on."""

    frames: Sequence[bytes]

    @classmethod
    def read(cls, path: Path) -> CallRecording:
        """The left channel of a recording; raises AudioError."""
        channels, rate = read_channels(path)
        return cls(list(frames(resample(channels[0], rate, RATE)))[AHEAD:])

    @classmethod
    def tapes(cls, path: Path, parts: Mapping[int, int]) -> dict[int, CallRecording]:
        """What the ear got in each part of a call, by the part's ``seq``; raises AudioError."""
        channels, _ = read_channels(path)
        heard = list(frames(channels[0]))
        found: dict[int, CallRecording] = {}
        start = 0
        for seq, count in parts.items():
            found[seq] = cls(heard[start : start + count])
            start += count
        return found

    def lasting(self, seconds: float) -> CallRecording:
        """At least so long: a telephone that sends nothing is not recorded, the ear hears silence."""
        missing = round(seconds / FRAME_S) - len(self.frames)
        return CallRecording([*self.frames, *[SILENCE] * missing]) if missing > 0 else self

    @cached_property
    def voice(self) -> list[float]:
        """The probability of speech in each frame, by a detector that heard all of the call before it."""
        vad = Vad()
        return [vad.probability(frame) for frame in self.frames]

    def stretch(self, heard: Heard, late_s: float = 0.0) -> bytes | None:
        """The audio that the live ear decoded, where it is here sample for sample: its CRC-32 tells.

        ``late_s``: by how much times in ``heard`` are later than here.
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
    """The frames of a decoded stretch that held no sound at all, counted from its beginning."""
    return read_runs(heard.gaps)


def _with_gaps(sound: Sequence[bytes], silent: frozenset[int], count: int) -> bytes:
    """Frames with silence put in between, at these places of ``count``."""
    left = iter(sound)
    return b"".join(SILENCE if place in silent else next(left, b"") for place in range(count))
