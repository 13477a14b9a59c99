"""Whisper's decoder on ONNX Runtime.

CTranslate2 puts the weights of a matrix in the order in which the processor wants them each time they are used,
unless the processor has AVX-512: seven tenths of the time in which it finds the words.  ONNX Runtime does so once,
when the model is loaded.  The encoder, which uses its weights for hundreds of places at once, stays with
CTranslate2.  Measurements: docs/speech.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from onnxruntime import OrtValue

from ivr.speech.graph import EMBEDDINGS, ears, words
from ivr.speech.network import on_one_thread, run_values

HIDDEN: Final = np.float32(-1e9)
"""Added to the weight of what must not be looked at, and of tokens that must not be said."""

Heard = Mapping[str, Any]
"""Keys and values of an utterance, by the names of the network's inputs."""


@dataclass(frozen=True)
class Memory:
    """Keys and values of the ``length`` tokens that were read so far, those of a layer after those of another."""

    values: Sequence[Any]
    length: int = 0


class Read(NamedTuple):
    """What may come next after each row asked for.

    ``scores``: logarithms of probabilities (rows by candidates, falling), ``tokens``: of which; ``weights``: of all
    tokens, before any was banned (rows by tokens).
    """

    scores: np.ndarray
    tokens: np.ndarray
    weights: Any
    memory: Memory


class Decoder:
    """The network, shared by all calls; ``variables``: those of a model.bin (``ivr.speech.modelfile``).

    Raises KeyError where one is missing.
    """

    def __init__(self, variables: Mapping[str, np.ndarray]) -> None:
        self._embeddings = variables[f"{EMBEDDINGS}/weight"]
        self._positions = variables["decoder/position_encodings/encodings"].astype(np.float32)
        self.tokens, self._size = self._embeddings.shape
        self.longest = len(self._positions)
        heads = int(variables["decoder/num_heads"])
        layers = len(
            {name.split("/")[1] for name in variables if name.startswith("decoder/layer_")} - {"layer_norm"}
        )
        self._ears = on_one_thread(ears(variables, layers, heads), exact=False)
        self._words = on_one_thread(words(variables, layers, heads), exact=False)
        self._sound_names = _pairs("sound_keys", "sound_values", layers)
        self._before = _pairs("keys", "values", layers)
        self._after = _pairs("all_keys", "all_values", layers)
        nothing = OrtValue.ortvalue_from_numpy(np.zeros((1, heads, 0, self._size // heads), np.float32))
        self.nothing = Memory([nothing] * (2 * layers))

    def hear(self, sound: np.ndarray) -> Heard:
        """The encoder's output (places by size), made ready.  Raises EngineError."""
        found = run_values(self._ears, self._sound_names, {"sound": value(sound)})
        return dict(zip(self._sound_names, found, strict=True))

    def read(
        self,
        heard: Heard,
        memory: Memory,
        tokens: Sequence[int],
        places: Sequence[int],
        sees: np.ndarray,
        asked: Sequence[int],
        banned: Any,
        most: int,
    ) -> Read:
        """Reads ``tokens``, each at its place in its text, after what is in the ``memory``.

        ``sees`` (tokens by those of the memory and these): which of them each has before it, itself too; ``asked``:
        the rows whose ``most`` likeliest next tokens are wanted; ``banned``: what ``banned`` makes.

        Raises EngineError.
        """
        given = {
            "rows": value(self._embeddings[list(tokens)].astype(np.float32) + self._positions[list(places)]),
            "mask": value(np.where(sees, np.float32(0), HIDDEN)[None, None]),
            "asked": value(np.array(asked)),
            "banned": banned,
            "most": value(np.array([most])),
        }
        before = dict(zip(self._before, memory.values, strict=True))
        scores, candidates, weights, *after = run_values(
            self._words, ["scores", "tokens", "weights", *self._after], {**given, **before, **heard}
        )
        return Read(scores.numpy(), candidates.numpy(), weights, Memory(after, memory.length + len(tokens)))

    def likeliest(self, heard: Heard, token: int, of: Sequence[int]) -> dict[int, float]:
        """How likely (0..1, together 1) each of these tokens is to follow this one alone.  Raises EngineError."""
        others = sorted(set(range(self.tokens)) - set(of))
        banned, seen = self.banned(others), np.ones((1, 1), bool)
        read = self.read(heard, self.nothing, [token], [0], seen, [0], banned, len(of))
        return dict(zip(read.tokens[0].tolist(), np.exp(read.scores[0]).tolist(), strict=True))

    def banned(self, tokens: Sequence[int]) -> Any:
        """These tokens, as ``read`` takes them."""
        weights = np.zeros((1, self.tokens), np.float32)
        weights[0, list(tokens)] = HIDDEN
        return value(weights)


def value(array: np.ndarray) -> Any:
    """An array as ONNX Runtime takes it."""
    return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _pairs(first: str, second: str, layers: int) -> list[str]:
    return [f"{name}_{layer}" for layer in range(layers) for name in (first, second)]
