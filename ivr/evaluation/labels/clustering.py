"""Sentences of like meaning -> groups.  Pure.

Average linkage on the cosine between their vectors: two groups become one while their sentences are near to each
other on average (Sokal and Michener, 1958).  ``APART`` is chosen on the held-out questions: docs/quality.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

APART = 0.56
"""Mean distance (1 - cosine, 0 to 2) from which two groups are two."""


def grouped(vectors: NDArray[np.float64], apart: float = APART) -> list[list[int]]:
    """Row numbers by group, the largest first; within a group the most central sentence first."""
    if len(vectors) < 2:
        return [[number] for number in range(len(vectors))]
    likeness = vectors @ vectors.T
    distances = np.clip(1 - likeness, 0, 2)
    np.fill_diagonal(distances, 0)
    marks = fcluster(linkage(squareform(distances, checks=False), "average"), apart, "distance")
    groups = [np.flatnonzero(marks == mark) for mark in np.unique(marks)]
    ordered = [members[np.argsort(-likeness[np.ix_(members, members)].sum(axis=1))] for members in groups]
    return sorted(([int(one) for one in members] for members in ordered), key=lambda one: (-len(one), one))
