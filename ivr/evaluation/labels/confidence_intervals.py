"""How sure a figure is that comes from a few turns: 95 % confidence intervals.  Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.959964
"""Of the normal distribution, for 95 %."""
RESAMPLED = 2000


@dataclass(frozen=True)
class IntervalEstimate:
    """A share or rate with its 95 % interval; ``count`` turns stand behind it."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"

    def row(self) -> dict[str, float | int]:
        """For JSON."""
        return {
            "value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4),
            "count": self.count,
        }  # fmt: skip


def wilson(hits: int, count: int) -> IntervalEstimate | None:
    """A share of ``count`` turns; None of none.

    Wilson's score interval stays within 0 and 1 and holds for few turns, where the usual one does not.
    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    if not count:
        return None
    share, weight = hits / count, Z * Z / count
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return IntervalEstimate(share, max(0.0, middle - half), min(1.0, middle + half), count)


def ratio(parts: Sequence[float], wholes: Sequence[float], of: Sequence[Hashable]) -> IntervalEstimate | None:
    """sum(parts) / sum(wholes), such as word errors to words, by bootstrap; None when the whole is 0.

    Turns of one call (``of``) share a voice and a line: calls are drawn again, not turns.
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
