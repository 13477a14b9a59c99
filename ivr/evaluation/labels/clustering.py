"""Groups sentences of similar meaning.  Pure.

Average linkage on cosine distances: two groups are merged while the mean distance of their sentences is small
(Sokal and Michener, 1958).  ``THRESHOLD`` is chosen on the held-out questions: docs/quality.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

THRESHOLD = 0.56
"""Mean distance (1 - cosine, 0 to 2) from which two groups stay separate."""


def grouped(vectors: NDArray[np.float64], threshold: float = THRESHOLD) -> list[list[int]]:
    """Return the row numbers of each group, the largest group and its most central sentence first.

    vectors: one row of length 1 per sentence; threshold: mean distance from which groups stay separate.
    """
    if len(vectors) < 2:
        return [[number] for number in range(len(vectors))]
    similarity = vectors @ vectors.T
    distances = np.clip(1 - similarity, 0, 2)
    np.fill_diagonal(distances, 0)
    numbers = fcluster(linkage(squareform(distances, checks=False), "average"), threshold, "distance")
    groups = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    ordered = [members[np.argsort(-similarity[np.ix_(members, members)].sum(axis=1))] for members in groups]
    return sorted(([int(one) for one in members] for members in ordered), key=lambda one: (-len(one), one))
