"""The log-mel spectrum that Whisper and Smart Turn learned: the same numbers in every process, on every processor.

A network of 8 bits makes much of little: where a feature differs in its last digit, the first layer's numbers are
rounded otherwise, and at the end the same sound is 0.35 sure instead of 0.32.  faster-whisper's own extractor takes
single precision and a matrix product, whose sums depend on the number of threads and on the processor's kernels.
Here each band is a sum of its own, in double precision and in a fixed order, and the result is rounded to a grid that
is much coarser than what processors differ in (logarithms and sines, in their last digit).  Measurements:
docs/speech.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from ivr.core.audio import RATE, Floats

SPAN: Final = 400
"""Samples (25 ms) of which a spectrum is made."""
HOP: Final = RATE // 100
QUIETEST: Final = 1e-10
DEEPEST: Final = 8.0
"""Decades below the loudest feature; what is quieter counts as that."""
GRID: Final = 4096
"""Steps of a feature from 0 to 1: of 0.01 dB."""


def log_mel(samples: NDArray[np.floating[Any]]) -> Floats:
    """Features (80 by one each 10 ms and one more) of samples in -1..1 at 16 kHz; blocks for 1 ms a second."""
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
    """Each band's first frequency, and the weights (a column) of the few frequencies from there on."""
    filters = FeatureExtractor().mel_filters.astype(np.float64)
    found = []
    for row in filters:
        heard = np.flatnonzero(row)
        found.append((int(heard[0]), row[heard[0] : heard[-1] + 1, None]))
    return found
