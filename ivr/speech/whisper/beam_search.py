"""Beam search: find the most probable text of an utterance.

Texts grow by one token in each step, ``beam`` of them side by side.  As in CTranslate2, a text that ends is set aside
and the next best takes its place.  When ``beam`` texts have ended, the one with the best mean score per token wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ivr.speech.whisper.decoder import HIDDEN, Decoder, EncodedAudio, Next, Rows, value

NO_REPEAT: Final = 3
"""A text without repeats contains no sequence of this many tokens twice."""


@dataclass(frozen=True)
class Rules:
    """How a text begins and which tokens it may contain.

    prompt: the tokens that precede the text.
    start: index in ``prompt`` of the token that starts the transcript.
    never: tokens that a text must not contain, as ``Decoder.banned`` returns them.
    not_first: tokens that a text must not begin with, as ``Decoder.banned`` returns them.
    end, no_speech: the tokens that end a text and that say that nobody spoke.
    """

    prompt: Sequence[int]
    start: int
    never: Any
    not_first: Any
    end: int
    no_speech: int


@dataclass(frozen=True)
class Text:
    """A text that was found.

    score: logarithm of its probability, with its end included.
    no_speech: probability (0..1) that nobody spoke.
    """

    tokens: tuple[int, ...]
    score: float
    no_speech: float = 0.0


@dataclass
class _Beam:
    """The texts that still grow.  visible: the cached tokens that belong to each (texts by tokens, bool)."""

    texts: list[tuple[int, ...]]
    scores: np.ndarray
    visible: np.ndarray


def likeliest(
    decoder: Decoder, audio: EncodedAudio, rules: Rules, beam: int, longest: int, *, repeats: bool = True
) -> Text:
    """Return the most probable text.

    audio: the utterance, as ``Decoder.hear`` returns it.
    beam: number of texts that grow side by side.
    longest: maximum number of tokens in the text.
    repeats: whether the text may contain ``NO_REPEAT`` tokens in a row twice.

    Raises EngineError when the network fails.
    """
    length = len(rules.prompt)
    prompt = Rows(rules.prompt, range(length), np.tri(length, dtype=bool), [rules.start, length - 1])
    after = decoder.read(audio, decoder.empty, prompt, rules.not_first, 2 * beam)
    no_speech = _probability(after.logits.numpy()[0], rules.no_speech)
    after = after._replace(scores=after.scores[1:], tokens=after.tokens[1:])
    live = _Beam([()], np.zeros(1), np.ones((1, length), bool))
    ended: list[Text] = []
    for place in range(length, length + longest):
        parents = _grow(live, after, rules.end, beam, ended)
        if len(ended) >= beam:
            break
        count = len(live.texts)
        live.visible = np.concatenate([live.visible[parents], np.eye(count, dtype=bool)], axis=1)
        rows = Rows([text[-1] for text in live.texts], [place] * count, live.visible, range(count))
        never = rules.never if repeats else _without_repeats(live.texts, rules)
        after = decoder.read(audio, after.cache, rows, never, 2 * beam)
    else:
        ended += map(Text, live.texts, live.scores)
    best = max(ended, key=lambda text: text.score / max(1, len(text.tokens)))
    return Text(best.tokens, float(best.score), no_speech)


def _grow(live: _Beam, after: Next, end: int, beam: int, ended: list[Text]) -> list[int]:
    """Replace the texts by their best continuations, and return the index of the text that each one continues."""
    scores = live.scores[:, None] + after.scores
    texts: list[tuple[int, ...]] = []
    parents: list[int] = []
    kept: list[float] = []
    for rank, place in enumerate(np.argsort(-scores, axis=None, kind="stable")):
        row, column = divmod(int(place), scores.shape[1])
        token = int(after.tokens[row, column])
        if token != end:
            texts.append((*live.texts[row], token))
            parents.append(row)
            kept.append(float(scores[row, column]))
        elif rank < beam:
            ended.append(Text(live.texts[row], float(scores[row, column])))
        if len(texts) == beam:
            break
    live.texts, live.scores = texts, np.array(kept)
    return parents


def _without_repeats(texts: Sequence[tuple[int, ...]], rules: Rules) -> Any:
    """Return the tokens that must not follow each text: those never allowed, and those that would repeat it."""
    banned = np.repeat(rules.never.numpy(), len(texts), axis=0)
    for row, text in enumerate(texts):
        last = text[1 - NO_REPEAT :]
        for at in range(len(text) - NO_REPEAT + 1):
            if text[at : at + NO_REPEAT - 1] == last:
                banned[row, text[at + NO_REPEAT - 1]] = HIDDEN
    return value(banned)


def _probability(logits: np.ndarray, token: int) -> float:
    powers = np.exp(logits - logits.max())
    return float(powers[token] / powers.sum())
