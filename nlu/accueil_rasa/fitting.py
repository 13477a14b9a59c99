"""Training: from examples to a ``KernelModel``.  Runs in Rasa's environment only; it needs scipy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from accueil_rasa import features
from accueil_rasa.model import KINDS, Floats, KernelModel, Options, damped, encoder, groups, near, scaled

Rows = Any
"""A ``scipy.sparse.csr_matrix`` with one row per text and one column per group; scipy has no types."""
BLOCK = 1000
"""Rows of the kernel that are computed at a time: this bounds the memory."""


def fit(examples: Sequence[tuple[str, str]], options: Options) -> KernelModel:
    """Solve for the weight of each example for each intent.

    examples: (question, intent); a question is words, a bar, and their phonemes.
    """
    intents = sorted({intent for _, intent in examples})
    columns = {intent: column for column, intent in enumerate(intents)}
    truth = np.eye(len(intents), dtype=np.float32)[[columns[intent] for _, intent in examples]]
    parts = [features.split_question(question) for question, _ in examples]
    vectors = encoder().encode([words for words, _ in parts])
    mean = vectors.mean(axis=0).astype(np.float32)
    numbers = {"mean": mean, "meant": scaled(vectors, mean)}
    known: dict[str, dict[str, int]] = {}
    rows: dict[str, Rows] = {}
    for kind, texts in zip(KINDS, zip(*parts)):  # noqa: B905  # Python 3.9
        known[kind], numbers[f"rare {kind}"], rows[kind] = _counted(kind, texts, options)
    numbers["weights"] = _solved(_kernel(numbers["meant"], rows, options), truth, options["ridge"])
    for kind, row in rows.items():
        weight = np.float32(options[kind]["weight"])
        numbers[f"gathered {kind}"] = weight * (row.T @ numbers["weights"])
    return KernelModel(options, intents, known, numbers)


def _counted(kind: str, texts: Iterable[str], options: Options) -> tuple[dict[str, int], Floats, Rows]:
    """The vocabulary of a kind of group, the rarity of each group, and the weights of the groups of each text."""
    found = [list(groups(kind, text, options)) for text in texts]
    known = features.vocabulary(found)
    counts = [features.counted(one, known) for one in found]
    lengths = [len(places) for places, _ in counts]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([np.asarray(places, dtype=np.int64) for places, _ in counts])
    rare = _rarity(columns, len(found), len(known))
    weights = np.concatenate([damped(one, rare) for one in counts]).astype(np.float32)
    return known, rare, scipy.sparse.csr_matrix((weights, columns, ends), shape=(len(found), len(known)))


def _rarity(columns: npt.NDArray[np.int64], texts: int, size: int) -> Floats:
    """The weight of each group: rare ones tell more."""
    seen = np.bincount(columns, minlength=size)
    rare: Floats = (np.log((1 + texts) / (1 + seen)) + 1).astype(np.float32)
    return rare


def _kernel(meant: Floats, rows: dict[str, Rows], options: Options) -> Floats:
    kernel = near(meant, meant, options["gamma"])
    for kind, weights in rows.items():
        columns = weights.T.tocsr()
        for start in range(0, len(kernel), BLOCK):
            part = slice(start, start + BLOCK)
            kernel[part] += np.float32(options[kind]["weight"]) * (weights[part] @ columns).toarray()
    return kernel


def _solved(kernel: Floats, truth: Floats, ridge: float) -> Floats:
    """The weights of each example for each intent; overwrites ``kernel``."""
    kernel[np.diag_indices(len(kernel))] += np.float32(ridge)
    weights: Floats = scipy.linalg.solve(kernel, truth, assume_a="pos", overwrite_a=True, check_finite=False)
    return weights
