"""What Whisper's encoder sees of an utterance.

Whisper learned windows of 30 s: speech from the beginning, then silence.  Without the silence it says a sentence
again and again; with all of it the encoder works ten times as long.  So the window here lacks its middle: it is the
utterance, a little silence, and the last of the 30 s.  The encoder knows each place of a window by a row of its table
of positions alone, so that the end may stand first, where it is however long the utterance is; the table of the
model that is loaded is put in that order.  Measurements: docs/speech.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ivr.core.audio import RATE, seconds, to_floats

POSITIONS: Final = "encoder/position_encodings/encodings"
"""The matrix of a model.bin: a row for each 20 ms of the 30 s."""
FRAMES: Final = 3000
"""Mel features of 30 s, 10 ms each."""
PLACES: Final = FRAMES // 2
FRAMES_PER_S: Final = 100
STEP: Final = 10
"""Frames by which windows differ: computing for many lengths is prepared many times."""


@dataclass(frozen=True)
class EncoderWindow:
    """``after_s``: silence after the utterance; ``least_s``: both together, at least; ``end_s``: so much of the end
    of the 30 s is put first."""

    after_s: float
    least_s: float = 0.0
    end_s: float = 0.0

    def order(self) -> list[int]:
        """The rows of ``POSITIONS`` that a model needs for this window."""
        first = PLACES - round(self.end_s * FRAMES_PER_S / 2)
        return [*range(first, PLACES), *range(first)]

    def features(self, extract: Callable[[np.ndarray], np.ndarray], pcm: bytes) -> Any:
        """The log-mel features (80 by frames) of slin16, of which what is too long for 30 s is dropped."""
        end = round(self.end_s * FRAMES_PER_S)
        length_s = max(seconds(pcm) + self.after_s, self.least_s)
        # rounded first: 4.8 s are 48 steps, whatever the last digit of a float says
        steps = math.ceil(round(length_s * FRAMES_PER_S / STEP, 3))
        frames = min(steps * STEP, FRAMES - end)
        audio = to_floats(pcm)
        silence = max(0, frames * RATE // FRAMES_PER_S - audio.size)
        heard = extract(np.pad(audio, (0, silence)))[:, :frames]
        return np.pad(heard, ((0, 0), (end, 0)), constant_values=heard.min())


CUT: Final = EncoderWindow(after_s=0.8, least_s=4.5, end_s=1.5)
"""Of "oui" alone the model wants to see more silence than of a sentence."""
