"""Loudness of prompts: all voices equally loud, none clipped, no silence at the ends."""

from __future__ import annotations

import functools
import math
from typing import Any, Final

import numpy as np
import soxr

from ivr.core.audio import RATE, Floats, quiet_pydub, seconds, to_floats, to_pcm

TARGET_LUFS: Final = -19.0
"""Integrated loudness of a prompt (ITU-R BS.1770-4)."""
PEAK_DBFS: Final = -1.0
"""No true peak above this: A-law's full scale is at +3.14 dBm0, and codecs overshoot."""
LEADING_S: Final = 0.005
TRAILING_S: Final = 0.12
QUIET_DB: Final = 45.0
"""What is this much below the loudest 5 ms counts as silence."""
SHORTEST_S: Final = 1.2
"""The meter wants blocks of 0.4 s and several of them: a shorter "Oui." is measured repeated."""


def loudness(pcm: bytes) -> float:
    """Integrated loudness in LUFS; minus infinity for silence."""
    floats = to_floats(pcm)
    if not floats.any():
        return -math.inf
    repeats = math.ceil(SHORTEST_S / seconds(pcm)) if seconds(pcm) < SHORTEST_S else 1
    return float(_meter().integrated_loudness(np.tile(floats, repeats).astype(np.float64)))


@functools.cache
def _meter() -> Any:
    """BS.1770's meter; loaded when something is rendered, for it takes all of SciPy's filters with it."""
    import pyloudnorm

    return pyloudnorm.Meter(RATE)


def true_peak(pcm: bytes) -> float:
    """Peak between the samples in dBFS (four times oversampled, BS.1770-4 annex 2)."""
    peak = float(_peaks(to_floats(pcm)).max(initial=0.0))
    return 20 * math.log10(peak) if peak else -math.inf


def _peaks(floats: Floats) -> Floats:
    """For each sample, the highest level there and on the way to the next."""
    if not floats.size:
        return floats
    over = np.abs(soxr.resample(floats, RATE, 4 * RATE, quality="HQ"))
    levels: Floats = np.resize(over, (floats.size, 4)).max(axis=1)
    return np.maximum(levels, np.abs(floats))  # at the very ends the filter sees too little


def normalise(pcm: bytes, target: float = TARGET_LUFS) -> bytes:
    """Speech at the target loudness; where a peak would pass the ceiling, peaks are rounded off."""
    ceiling = 10 ** ((PEAK_DBFS - 0.2) / 20)
    for _ in range(3):  # limiting takes some loudness away again
        now = loudness(pcm)
        if now == -math.inf:
            break
        pcm = to_pcm(_limit((to_floats(pcm) * 10 ** ((target - now) / 20)).astype(np.float32), ceiling))
    return pcm


def _limit(floats: Floats, ceiling: float) -> Floats:
    """Turns the gain down for a few milliseconds around each peak over the ceiling."""
    over = np.maximum(_peaks(floats) / ceiling, 1.0)
    if over.max(initial=1.0) <= 1.0:
        return floats
    reach = RATE // 200  # 5 ms to each side, so that the gain itself makes no sound
    widest = np.lib.stride_tricks.sliding_window_view(np.pad(over, reach, mode="edge"), 2 * reach + 1).max(1)
    window = np.hanning(2 * reach + 1)
    gain = np.convolve(np.pad(1.0 / widest, reach, mode="edge"), window / window.sum(), mode="valid")
    return (floats * gain).astype(np.float32)


def trim(pcm: bytes) -> bytes:
    """Cuts silence at both ends: a caller waits through the leading one."""
    pydub = quiet_pydub()
    segment = pydub.AudioSegment(pcm, sample_width=2, frame_rate=RATE, channels=1)
    threshold = max((segment[at : at + 5].dBFS for at in range(0, len(segment), 5)), default=0) - QUIET_DB
    if threshold == -math.inf:
        return pcm
    find = pydub.silence.detect_leading_silence
    lead = max(0, find(segment, threshold, chunk_size=5) - round(LEADING_S * 1000))
    tail = max(0, find(segment.reverse(), threshold, chunk_size=5) - round(TRAILING_S * 1000))
    kept = segment[lead : len(segment) - tail]
    return bytes(kept.fade_in(5).fade_out(10).raw_data)
