"""The log-mel spectrum that Whisper and Smart Turn were trained on, with identical results on every processor.

8-bit networks amplify small differences.  A feature that differs in its last digit changes how the first layer is
rounded, and the confidence of the same sound changes from 0.32 to 0.35.  faster-whisper's extractor uses single
precision and a matrix product, whose sums depend on the number of threads and on the processor's kernels.

Here each band is a separate sum in double precision and in a fixed order.  The result is rounded to a grid that is
much coarser than the differences between processors (the last digits of logarithms and sines).  The definition of
the features is Whisper's (https://github.com/openai/whisper, audio.py).  Measurements: docs/speech.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from ivr.core.audio import RATE, Floats

SPAN: Final = 400
"""Samples of one spectrum (25 ms)."""
HOP: Final = RATE // 100
"""Samples from one spectrum to the next (10 ms)."""
QUIETEST: Final = 1e-10
"""Lowest power of a band."""
DEEPEST: Final = 8.0
"""Range of the features in decades: lower values are raised to this far below the highest one."""
GRID: Final = 4096
"""Steps of a feature between 0 and 1 (0.01 dB each)."""


def log_mel(samples: NDArray[np.floating[Any]]) -> Floats:
    """Return the features of a sound.

    samples: audio at 16 kHz in -1..1.
    The result has 80 rows (mel bands) and one column for each 10 ms, plus one.  Blocks for 1 ms per second of audio.
    """
    padded = np.pad(samples.astype(np.float64), (0, HOP))
    padded = np.pad(padded, SPAN // 2, mode="reflect")
    spans = np.lib.stride_tricks.sliding_window_view(padded, SPAN)[::HOP][:-1]
    spectrum = np.fft.rfft(spans * _window())
    power = np.ascontiguousarray((spectrum.real**2 + spectrum.imag**2).T)
    bands = np.stack(
        [(weights * power[first : first + len(weights)]).sum(axis=0) for first, weights in _bands()]
    )
    logs = np.log10(np.maximum(bands, QUIETEST))
    logs = np.maximum(logs, logs.max() - DEEPEST)
    features: Floats = (np.rint((logs + 4.0) / 4.0 * GRID) / GRID).astype(np.float32)
    return features


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float64]:
    return np.hanning(SPAN + 1)[:-1]


@lru_cache(maxsize=1)
def _bands() -> list[tuple[int, NDArray[np.float64]]]:
    """For each band, its first frequency bin and the weights (a column) of the bins from there on."""
    filters = FeatureExtractor().mel_filters.astype(np.float64)
    bands = []
    for row in filters:
        bins = np.flatnonzero(row)
        bands.append((int(bins[0]), row[bins[0] : bins[-1] + 1, None]))
    return bands
