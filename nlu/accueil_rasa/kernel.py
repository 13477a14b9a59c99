"""Intent by likeness to the examples: kernel ridge regression on meaning, spelling and sound.

The likeness of two sentences is the sum of three: how near their vectors are (meaning, sentences.py), how many
groups of letters they share (spelling: names), and how many of phonemes (sound, sounds.py: what a recogniser made
of them).  Solving one linear system gives each example a weight for each intent.  What groups add to a score is
linear in them, so that their weights are gathered by group once, and a question costs one product with the examples'
vectors.

Saunders, Gammerman, Vovk: Ridge regression learning algorithm in dual variables, 1998.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

Counts = scipy.sparse.csr_matrix
BLOCK = 1000  # rows of the kernel made at a time: bounds the memory


def scaled(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Vectors around their mean, at length 1."""
    centred = vectors.astype(np.float32) - mean
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)


def near(one: np.ndarray, other: np.ndarray, gamma: float) -> np.ndarray:
    """Likeness in meaning, 0 to 1, of each row to each other row (both scaled)."""
    likeness = one @ other.T
    likeness -= 1
    likeness *= 2 * gamma
    return np.exp(likeness, out=likeness)


def rarity(counts: Counts) -> np.ndarray:
    """The weight of each group: rare ones tell more."""
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    return (np.log((1 + counts.shape[0]) / (1 + seen)) + 1).astype(np.float32)


def spelled(counts: Counts, rare: np.ndarray) -> Counts:
    """Counts as rows of length 1, damped and weighted by rarity."""
    rows = counts.astype(np.float32).tocsr()
    rows.data = (1 + np.log(rows.data)) * rare[rows.indices]
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    rows.data /= np.repeat(np.maximum(length, 1e-6), np.diff(rows.indptr)).astype(np.float32)
    return rows


def solve(kernel: np.ndarray, truth: np.ndarray, ridge: float) -> np.ndarray:
    """The weights of each example for each intent; ``kernel`` is overwritten."""
    kernel[np.diag_indices(len(kernel))] += np.float32(ridge)
    return scipy.linalg.solve(kernel, truth, assume_a="pos", overwrite_a=True, check_finite=False)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Scores as probabilities."""
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class KernelClassifier(GraphComponent, IntentClassifier):
    """Sets ``intent`` and the whole ``intent_ranking`` of each message."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Featurizers: one of vectors, those of counts by the aliases in ``groups``."""
        return [Featurizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``gamma``: how fast meaning fades; ``groups``: the weight of each featurizer of counts, by its alias;
        ``ridge``: distrust of a single example.

        ``sharpness`` turns scores into probabilities; it is set on held-out questions.
        """
        return {"gamma": 1.3, "groups": {"spelling": 0.6, "sound": 0.3}, "ridge": 0.1, "sharpness": 12.0}

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config, self._storage, self._resource = config, storage, resource
        self._classes: list[str] = []
        self._numbers: dict[str, np.ndarray] = {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> KernelClassifier:
        """An untrained one."""
        return cls(config, model_storage, resource)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Rasa's defaults fill what is missing."""

    def train(self, training_data: TrainingData) -> Resource:
        """Solve for the weights, then keep them."""
        examples = [message for message in training_data.intent_examples if message.get(TEXT)]
        names = [str(message.get(INTENT)) for message in examples]
        self._classes = sorted(set(names))
        truth = np.eye(len(self._classes), dtype=np.float32)[[self._classes.index(name) for name in names]]
        vectors = np.vstack([_vector(message) for message in examples])
        counts = {kind: _stacked(examples, kind) for kind in self._config["groups"]}
        rare = {kind: rarity(rows) for kind, rows in counts.items()}
        groups = {kind: spelled(rows, rare[kind]) for kind, rows in counts.items()}
        mean = vectors.mean(axis=0).astype(np.float32)
        meant = scaled(vectors, mean)
        weights = solve(self._kernel(meant, groups), truth, self._config["ridge"])
        self._numbers = {"mean": mean, "meant": meant, "weights": weights}
        for kind, rows in groups.items():
            self._numbers[f"rare {kind}"] = rare[kind]
            self._numbers[f"gathered {kind}"] = np.float32(self._config["groups"][kind]) * (rows.T @ weights)
        self._persist()
        return self._resource

    def _kernel(self, meant: np.ndarray, groups: dict[str, Counts]) -> np.ndarray:
        kernel = near(meant, meant, self._config["gamma"])
        for kind, rows in groups.items():
            columns = rows.T.tocsr()
            for start in range(0, len(kernel), BLOCK):
                part = slice(start, start + BLOCK)
                kernel[part] += np.float32(self._config["groups"][kind]) * (rows[part] @ columns).toarray()
        return kernel

    def process(self, messages: list[Message]) -> list[Message]:
        """Rank the intents of each message."""
        for message in messages:
            ranking = self._ranking(message) if self._numbers and message.get(TEXT) else []
            best = ranking[0] if ranking else {"name": None, "confidence": 0.0}
            message.set("intent", best, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _ranking(self, message: Message) -> list[dict[str, Any]]:
        known = self._numbers
        likeness = near(scaled(_vector(message), known["mean"]), known["meant"], self._config["gamma"])
        scores = (likeness @ known["weights"])[0]
        for kind in self._config["groups"]:
            scores += (spelled(_counts(message, kind), known[f"rare {kind}"]) @ known[f"gathered {kind}"])[0]
        shares = softmax(scores * self._config["sharpness"])
        return [{"name": self._classes[i], "confidence": float(shares[i])} for i in np.argsort(-shares)]

    def _persist(self) -> None:
        with self._storage.write_to(self._resource) as folder:
            np.savez(folder / "kernel.npz", **self._numbers)
            (folder / "classes.json").write_text(json.dumps(self._classes), encoding="utf-8")

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **_: Any,
    ) -> KernelClassifier:
        """The trained one."""
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            made._classes = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
            with np.load(folder / "kernel.npz", allow_pickle=False) as stored:
                made._numbers = {name: stored[name] for name in stored.files}
        return made


def _vector(message: Message) -> np.ndarray:
    return message.get_dense_features(TEXT)[1].features


def _counts(message: Message, kind: str) -> Counts:
    return message.get_sparse_features(TEXT, [kind])[1].features.tocsr()


def _stacked(messages: list[Message], kind: str) -> Counts:
    return scipy.sparse.vstack([_counts(message, kind) for message in messages]).tocsr()
