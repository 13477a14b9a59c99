"""Percentiles of times."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Percentiles:
    """The percentiles of ``count`` times, in seconds."""

    count: int
    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Percentiles:
        """Percentiles of ``times`` (seconds) by linear interpolation; one time is all of them, none gives 0."""
        if len(times) < 2:
            only = times[0] if times else 0.0
            return cls(len(times), only, only, only)
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        return cls(len(times), round(cuts[49], 3), round(cuts[94], 3), round(max(times), 3))

    def __str__(self) -> str:
        return f"n={self.count}  p50 {self.p50:.2f} s  p95 {self.p95:.2f} s  max {self.max:.2f} s"
