"""Whisper's decoder on ONNX Runtime.

CTranslate2 computes with oneDNN, which reorders the weights of an 8-bit matrix for the processor at every use.  Only
with AVX-512 does it have a kernel for a single row (``src/cpu/x64/gemm/gemm_info.cpp``).  Elsewhere reordering takes
seven tenths of the time in which the words are found.  ONNX Runtime reorders the weights once, when it loads them.

The encoder stays with CTranslate2, because it uses its weights for hundreds of places at once.  Measurements:
docs/whisper.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from onnxruntime import OrtValue

from ivr.speech.network import on_one_thread, run_values
from ivr.speech.whisper.graph import EMBEDDINGS, Variables, cross_attention, decoder

HIDDEN: Final = np.float32(-1e9)
"""Added to the attention of a token that must not be seen, and to the logit of a token that must not be said."""

EncodedAudio = Mapping[str, Any]
"""Cross-attention keys and values of an utterance, by the names of the network's inputs."""


class Cache(NamedTuple):
    """Self-attention keys and values of the tokens read so far.

    values: in the order of the network's inputs.
    length: number of tokens.
    """

    values: Sequence[Any]
    length: int = 0


class Rows(NamedTuple):
    """Tokens to read in one step.

    tokens: their numbers.
    places: the position of each in its text.
    visible: which tokens each one attends to (bool; these tokens by those of the cache and these).
    asked: indices of the tokens whose next token is wanted.
    """

    tokens: Sequence[int]
    places: Sequence[int]
    visible: np.ndarray
    asked: Sequence[int]


class Next(NamedTuple):
    """The candidates for the next token of each row that was asked for.

    scores: logarithms of probabilities, falling (rows by candidates).
    tokens: the candidates' numbers (rows by candidates).
    logits: those of all tokens before any was banned (OrtValue, rows by tokens).
    cache: the cache with the tokens of this step.
    """

    scores: np.ndarray
    tokens: np.ndarray
    logits: Any
    cache: Cache


class Decoder:
    """The decoder's networks, shared by all calls.

    variables: those of a model.bin (``ivr.speech.whisper.modelfile``), with weights in floats.

    Raises KeyError when a variable is missing.
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
        """Compute the cross-attention keys and values of an utterance.

        sound: output of the encoder (float32, places by size).

        Raises EngineError when the network fails.
        """
        found = run_values(self._cross, self._cross_names, {"sound": value(sound)})
        return dict(zip(self._cross_names, found, strict=True))

    def read(self, audio: EncodedAudio, cache: Cache, rows: Rows, banned: Any, most: int) -> Next:
        """Read tokens and return the candidates for the next ones.

        audio: what ``hear`` returned.
        cache: the tokens read before; ``empty`` at first.
        banned: what the method ``banned`` returned, one row for all texts or one for each.
        most: number of candidates for each row.

        Raises EngineError when the network fails.
        """
        embedded = self._embeddings[list(rows.tokens)].astype(np.float32)
        given = {
            "rows": value(embedded + self._positions[list(rows.places)]),
            "mask": value(np.where(rows.visible, np.float32(0), HIDDEN)[None, None]),
            "asked": value(np.array(rows.asked)),
            "banned": banned,
            "most": value(np.array([most])),
        }
        past = dict(zip(self._past, cache.values, strict=True))
        scores, tokens, logits, *present = run_values(
            self._decoder, ["scores", "tokens", "logits", *self._present], {**given, **past, **audio}
        )
        return Next(scores.numpy(), tokens.numpy(), logits, Cache(present, cache.length + len(rows.tokens)))

    def likeliest(self, audio: EncodedAudio, token: int, of: Sequence[int]) -> dict[int, float]:
        """Return the probability (0..1, summing to 1) of each token in ``of`` to follow ``token`` at the beginning.

        Raises EngineError when the network fails.
        """
        others = self._none_banned + HIDDEN
        others[0, list(of)] = 0
        row = Rows([token], [0], np.ones((1, 1), bool), [0])
        after = self.read(audio, self.empty, row, value(others), len(of))
        return dict(zip(after.tokens[0].tolist(), np.exp(after.scores[0]).tolist(), strict=True))

    def banned(self, tokens: Sequence[int]) -> Any:
        """Return these tokens as ``read`` takes them (OrtValue, 1 by tokens, added to the logits)."""
        added = self._none_banned.copy()
        added[0, list(tokens)] = HIDDEN
        return value(added)


def value(array: np.ndarray) -> Any:
    """Return an array as ONNX Runtime's own value."""
    return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _pairs(kind: str, layers: int) -> list[str]:
    return [f"{kind}_{name}_{layer}" for layer in range(layers) for name in ("keys", "values")]
