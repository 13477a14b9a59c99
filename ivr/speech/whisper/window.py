"""The part of Whisper's 30 s window that the encoder sees.

Whisper learned windows of 30 s: speech first, then silence.  Without the silence it repeats the sentence.  With all
of it the encoder takes ten times as long.  So the window here has no middle: it holds the utterance, a little
silence, and the end of the 30 s.

The encoder knows a place by its row in a table of positions.  The end therefore comes first, where its place does
not depend on the length of the utterance.  The table of the loaded model is put in that order.  Measurements:
docs/whisper.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ivr.core.audio import RATE, seconds, to_floats

POSITIONS: Final = "encoder/position_encodings/encodings"
"""The table in a model.bin with one row for each 20 ms of the 30 s."""
BANDS: Final = 80
"""Features in each frame (``ivr.speech.mel``)."""
FRAMES: Final = 3000
"""Frames in 30 s, 10 ms each."""
PLACES: Final = FRAMES // 2
FRAMES_PER_S: Final = 100
STEP: Final = 10
"""Windows differ in length by this many frames, because the engine prepares itself for each new length."""


@dataclass(frozen=True)
class EncoderWindow:
    """The lengths, in seconds, that make up a window.

    after_s: silence after the utterance.
    least_s: minimum of the utterance and its silence together.
    end_s: part of the end of the 30 s, which is put first.
    """

    after_s: float
    least_s: float = 0.0
    end_s: float = 0.0

    def order(self) -> list[int]:
        """Return the rows of ``POSITIONS`` in the order that this window needs."""
        first = PLACES - round(self.end_s * FRAMES_PER_S / 2)
        return [*range(first, PLACES), *range(first)]

    def features(self, extract: Callable[[np.ndarray], np.ndarray], pcm: bytes) -> Any:
        """Return the log-mel features of an utterance (float array, bands by frames).

        extract: turns samples (-1..1, 16 kHz) into features, bands by frames.
        pcm: slin16 at 16 kHz.  Audio that does not fit into 30 s is dropped.
        """
        end = round(self.end_s * FRAMES_PER_S)
        length_s = max(seconds(pcm) + self.after_s, self.least_s)
        # rounded first, so that 4.8 s are 48 steps whatever the last digit of the float is
        steps = math.ceil(round(length_s * FRAMES_PER_S / STEP, 3))
        frames = min(steps * STEP, FRAMES - end)
        audio = to_floats(pcm)
        silence = max(0, frames * RATE // FRAMES_PER_S - audio.size)
        features = extract(np.pad(audio, (0, silence)))[:, :frames]
        return np.pad(features, ((0, 0), (end, 0)), constant_values=features.min())


CUT: Final = EncoderWindow(after_s=0.8, least_s=4.5, end_s=1.5)
"""The window in use.  A lone "oui" needs more silence than a sentence: hence the minimum."""
