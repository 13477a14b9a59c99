"""95 % confidence intervals of shares and rates over a few turns.  Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.959964
"""Quantile of the normal distribution for a two-sided interval of 95 %."""
RESAMPLED = 2000
"""Bootstrap samples."""


@dataclass(frozen=True)
class IntervalEstimate:
    """A share or rate with its 95 % interval, from ``count`` turns."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"

    def row(self) -> dict[str, float | int]:
        """Return the fields for JSON, rounded to four digits."""
        return {
            "value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4),
            "count": self.count,
        }  # fmt: skip


def wilson(hits: int, count: int) -> IntervalEstimate | None:
    """Return the share ``hits`` / ``count`` with its interval; None when ``count`` is 0.

    Wilson's score interval stays within 0 and 1 and is valid for few turns, where the usual one is not.
    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    if not count:
        return None
    share, weight = hits / count, Z * Z / count
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return IntervalEstimate(share, max(0.0, middle - half), min(1.0, middle + half), count)


def ratio(parts: Sequence[float], wholes: Sequence[float], of: Sequence[Hashable]) -> IntervalEstimate | None:
    """Return sum(parts) / sum(wholes), such as word errors by words, with a bootstrap interval.

    parts, wholes: counts of each turn; of: its call.
    Turns of one call share a voice and a line, so calls are resampled and not turns.  Returns None when the sum of
    ``wholes`` is 0.
    Bisani, Ney: Bootstrap estimates for confidence intervals in ASR performance evaluation, 2004.
    """
    if not sum(wholes):
        return None
    names = {name: number for number, name in enumerate(dict.fromkeys(of))}
    part, whole = np.zeros(len(names)), np.zeros(len(names))
    for name, one, other in zip(of, parts, wholes, strict=True):
        part[names[name]] += one
        whole[names[name]] += other
    drawn = np.random.default_rng(1).integers(0, len(names), (RESAMPLED, len(names)))
    sums = whole[drawn].sum(axis=1)
    rates = part[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.percentile(rates, [2.5, 97.5])
    return IntervalEstimate(float(part.sum() / whole.sum()), float(low), float(high), len(parts))
