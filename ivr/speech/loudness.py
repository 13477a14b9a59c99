"""Loudness of prompts: one loudness for all voices, limited peaks, no silence at the ends.

Loudness and true peak follow ITU-R BS.1770-4 (https://www.itu.int/rec/R-REC-BS.1770).  All audio is slin16.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final

import numpy as np
import soxr

from ivr.core.audio import RATE, Floats, quiet_pydub, seconds, to_floats, to_pcm

TARGET_LUFS: Final = -19.0
"""Integrated loudness of a prompt."""
PEAK_DBFS: Final = -1.0
"""Highest true peak of a prompt: A-law's full scale is at +3.14 dBm0 (ITU-T G.711), and codecs overshoot."""
LEADING_S: Final = 0.005
TRAILING_S: Final = 0.12
"""Silence that stays before and after a prompt, in seconds."""
QUIET_DB: Final = 45.0
"""A level this far below the loudest 5 ms counts as silence."""
SHORTEST_S: Final = 1.2
"""The meter needs several blocks of 0.4 s: shorter prompts, such as "Oui.", are repeated for the measurement."""


def loudness(pcm: bytes) -> float:
    """Return the integrated loudness of ``pcm`` in LUFS, minus infinity for silence."""
    floats = to_floats(pcm)
    if not floats.any():
        return -math.inf
    repeats = math.ceil(SHORTEST_S / seconds(pcm)) if seconds(pcm) < SHORTEST_S else 1
    return float(_meter().integrated_loudness(np.tile(floats, repeats).astype(np.float64)))


@functools.cache
def _meter() -> Any:
    """Load the BS.1770 meter at its first use, because it imports SciPy's filters."""
    import pyloudnorm

    return pyloudnorm.Meter(RATE)


def true_peak(pcm: bytes) -> float:
    """Return the true peak of ``pcm`` in dBFS, minus infinity for silence.

    It is measured with fourfold oversampling (BS.1770-4, annex 2).
    """
    peak = float(_peaks(to_floats(pcm)).max(initial=0.0))
    return 20 * math.log10(peak) if peak else -math.inf


def _peaks(floats: Floats) -> Floats:
    """The highest absolute level from each sample to the next one."""
    if not floats.size:
        return floats
    over = np.abs(soxr.resample(floats, RATE, 4 * RATE, quality="HQ"))
    levels: Floats = np.resize(over, (floats.size, 4)).max(axis=1)
    return np.maximum(levels, np.abs(floats))  # the filter has too little context at both ends


def normalise(pcm: bytes, target: float = TARGET_LUFS) -> bytes:
    """Return the speech ``pcm`` at the loudness ``target`` (LUFS), its true peaks limited to ``PEAK_DBFS``."""
    ceiling = 10 ** ((PEAK_DBFS - 0.2) / 20)
    for _ in range(3):  # the limiter lowers the loudness again
        current = loudness(pcm)
        if current == -math.inf:
            break
        pcm = to_pcm(_limit((to_floats(pcm) * 10 ** ((target - current) / 20)).astype(np.float32), ceiling))
    return pcm


def _limit(floats: Floats, ceiling: float) -> Floats:
    """Lower the gain for a few milliseconds around each peak above ``ceiling`` (linear, full scale is 1)."""
    over = np.maximum(_peaks(floats) / ceiling, 1.0)
    if over.max(initial=1.0) <= 1.0:
        return floats
    reach = RATE // 200  # 5 ms to each side, so that the change of gain is inaudible
    widest = np.lib.stride_tricks.sliding_window_view(np.pad(over, reach, mode="edge"), 2 * reach + 1).max(1)
    window = np.hanning(2 * reach + 1)
    gain = np.convolve(np.pad(1.0 / widest, reach, mode="edge"), window / window.sum(), mode="valid")
    return (floats * gain).astype(np.float32)


def trim(pcm: bytes) -> bytes:
    """Return ``pcm`` without the silence at both ends, because callers wait through leading silence."""
    pydub = quiet_pydub()
    segment = pydub.AudioSegment(pcm, sample_width=2, frame_rate=RATE, channels=1)
    threshold = max((segment[at : at + 5].dBFS for at in range(0, len(segment), 5)), default=0) - QUIET_DB
    if threshold == -math.inf:
        return pcm
    silence_ms = pydub.silence.detect_leading_silence
    lead = max(0, silence_ms(segment, threshold, chunk_size=5) - round(LEADING_S * 1000))
    tail = max(0, silence_ms(segment.reverse(), threshold, chunk_size=5) - round(TRAILING_S * 1000))
    kept = segment[lead : len(segment) - tail]
    return bytes(kept.fade_in(5).fade_out(10).raw_data)
