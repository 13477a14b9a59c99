"""Whisper's decoder on ONNX Runtime.

oneDNN, which computes for CTranslate2, puts the weights of an 8-bit matrix in the order in which the processor wants
them each time they are used; only with AVX-512 has it a way of its own for a single row
(``src/cpu/x64/gemm/gemm_info.cpp``).  Elsewhere that is seven tenths of the time in which the words are found.  ONNX
Runtime does so once, when the model is loaded.  The encoder, which uses its weights for hundreds of places at once,
stays with CTranslate2.  Measurements: docs/speech.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from onnxruntime import OrtValue

from ivr.speech.network import on_one_thread, run_values
from ivr.speech.whisper.graph import EMBEDDINGS, Variables, cross_attention, decoder

HIDDEN: Final = np.float32(-1e9)
"""Added to the score of what must not be looked at, and to the logit of a token that must not be said."""

EncodedAudio = Mapping[str, Any]
"""Keys and values of an utterance, by the names of the network's inputs."""


class Cache(NamedTuple):
    """Keys and values of the ``length`` tokens that were read so far, in the order of the network's inputs."""

    values: Sequence[Any]
    length: int = 0


class Rows(NamedTuple):
    """Tokens to read, each at its place in its text.

    ``sees`` (tokens by those of the cache and these): which of them each has before it, itself too.  ``asked``: the
    rows whose next token is wanted.
    """

    tokens: Sequence[int]
    places: Sequence[int]
    sees: np.ndarray
    asked: Sequence[int]


class Next(NamedTuple):
    """What may come next after each row asked for.

    ``scores``: logarithms of probabilities (rows by candidates, falling), ``tokens``: of which; ``logits``: of all
    tokens, before any was banned (rows by tokens, an OrtValue).
    """

    scores: np.ndarray
    tokens: np.ndarray
    logits: Any
    cache: Cache


class Decoder:
    """The network, shared by all calls; ``variables``: those of a model.bin (``ivr.speech.whisper.modelfile``).

    Raises KeyError where one is missing.
    """

    def __init__(self, variables: Variables) -> None:
        self._embeddings = variables[f"{EMBEDDINGS}/weight"]
        self._positions = variables["decoder/position_encodings/encodings"].astype(np.float32)
        tokens, size = self._embeddings.shape
        self._none_banned = np.zeros((1, tokens), np.float32)
        self.longest = len(self._positions)
        heads = int(variables["decoder/num_heads"])
        layers = len(
            {name.split("/")[1] for name in variables if name.startswith("decoder/layer_")} - {"layer_norm"}
        )
        self._cross = on_one_thread(cross_attention(variables, layers, heads))
        self._decoder = on_one_thread(decoder(variables, layers, heads))
        self._cross_names = _pairs("cross", layers)
        self._past, self._present = _pairs("past", layers), _pairs("present", layers)
        nothing = value(np.zeros((1, heads, 0, size // heads), np.float32))
        self.empty = Cache([nothing] * (2 * layers))

    def hear(self, sound: np.ndarray) -> EncodedAudio:
        """The encoder's output (places by size), made ready.  Raises EngineError."""
        found = run_values(self._cross, self._cross_names, {"sound": value(sound)})
        return dict(zip(self._cross_names, found, strict=True))

    def read(self, heard: EncodedAudio, cache: Cache, rows: Rows, banned: Any, most: int) -> Next:
        """Reads these rows after those of the ``cache``; the ``most`` likeliest next tokens of each row asked for.

        ``banned``: what ``banned`` makes.  Raises EngineError.
        """
        embedded = self._embeddings[list(rows.tokens)].astype(np.float32)
        given = {
            "rows": value(embedded + self._positions[list(rows.places)]),
            "mask": value(np.where(rows.sees, np.float32(0), HIDDEN)[None, None]),
            "asked": value(np.array(rows.asked)),
            "banned": banned,
            "most": value(np.array([most])),
        }
        past = dict(zip(self._past, cache.values, strict=True))
        scores, tokens, logits, *present = run_values(
            self._decoder, ["scores", "tokens", "logits", *self._present], {**given, **past, **heard}
        )
        return Next(scores.numpy(), tokens.numpy(), logits, Cache(present, cache.length + len(rows.tokens)))

    def likeliest(self, heard: EncodedAudio, token: int, of: Sequence[int]) -> dict[int, float]:
        """How likely (0..1, together 1) each of these tokens is to follow this one alone.  Raises EngineError."""
        others = self._none_banned + HIDDEN
        others[0, list(of)] = 0
        row = Rows([token], [0], np.ones((1, 1), bool), [0])
        after = self.read(heard, self.empty, row, value(others), len(of))
        return dict(zip(after.tokens[0].tolist(), np.exp(after.scores[0]).tolist(), strict=True))

    def banned(self, tokens: Sequence[int]) -> Any:
        """These tokens, as ``read`` takes them."""
        added = self._none_banned.copy()
        added[0, list(tokens)] = HIDDEN
        return value(added)


def value(array: np.ndarray) -> Any:
    """An array as ONNX Runtime takes it."""
    return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _pairs(kind: str, layers: int) -> list[str]:
    return [f"{kind}_{name}_{layer}" for layer in range(layers) for name in ("keys", "values")]
