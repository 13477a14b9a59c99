"""Music on hold, computed rather than downloaded: slow broken chords at a low level."""

from __future__ import annotations

import numpy as np

from ivr.core.audio import Floats, to_pcm

CHORDS = (
    (261.63, 329.63, 392.00),
    (220.00, 261.63, 329.63),
    (174.61, 220.00, 261.63),
    (196.00, 246.94, 293.66),
)
"""C, A minor, F, G: fundamental frequencies in Hz, within the telephone band."""
NOTE_S = 0.5
"""Seconds from one note to the next."""
LEVEL = 0.12
"""Peak of one note, as a share of full scale."""


def hold_music(rate: int) -> bytes:
    """Sixteen seconds of music that loop without a gap, as s16le mono at ``rate`` Hz."""
    pattern = (0, 1, 2, 1, 0, 2, 1, 2)
    notes = [chord[step] for chord in CHORDS for step in pattern]
    length = round(NOTE_S * rate)
    out = np.zeros(len(notes) * length, dtype=np.float32)
    for index, pitch in enumerate(notes):
        ring = _note(pitch, 4 * length, rate)
        places = (
            np.arange(index * length, index * length + ring.size) % out.size
        )  # the last ring into the first
        out[places] += ring
    return to_pcm(out)


def _note(pitch: float, samples: int, rate: int) -> Floats:
    """A plucked tone that has faded out after ``samples``."""
    t = np.arange(samples, dtype=np.float64) / rate
    tone = np.sin(2 * np.pi * pitch * t) + 0.3 * np.sin(4 * np.pi * pitch * t)
    envelope = np.minimum(t / 0.01, 1.0) * np.exp(-3.0 * t) * np.linspace(1.0, 0.0, samples)
    return (LEVEL * tone * envelope).astype(np.float32)
