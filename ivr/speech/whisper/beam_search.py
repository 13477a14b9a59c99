"""Beam search: the likeliest of the texts that a decoder may have heard.

Texts grow by a token a step, ``beam`` of them side by side.  As in CTranslate2, those that end are put aside, the
next take their place, and of ``beam`` that ended the one with the best mean per token is it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ivr.speech.whisper.decoder import HIDDEN, Decoder, EncodedAudio, Next, Rows, value

NO_REPEAT: Final = 3
"""Tokens in a row that a text which may not repeat itself has only once."""


@dataclass(frozen=True)
class Rules:
    """What a text begins with and may hold: ``prompt``, of which the token at ``start`` says that speech begins;
    ``never``, and ``not_first``, as ``Decoder.banned`` makes them; the tokens ``end`` and ``no_speech``.
    """

    prompt: Sequence[int]
    start: int
    never: Any
    not_first: Any
    end: int
    no_speech: int


@dataclass(frozen=True)
class Text:
    """Tokens, the logarithm of their probability (their end's too), and the probability that nobody spoke."""

    tokens: tuple[int, ...]
    score: float
    no_speech: float = 0.0


@dataclass
class _Live:
    """The texts that are followed.  ``sees`` (texts by tokens read so far): of which each is made."""

    texts: list[tuple[int, ...]]
    scores: np.ndarray
    sees: np.ndarray


def likeliest(
    decoder: Decoder, heard: EncodedAudio, rules: Rules, beam: int, longest: int, *, repeats: bool = True
) -> Text:
    """The likeliest text of at most ``longest`` tokens; without ``repeats``, of those that say no three tokens twice.

    Raises EngineError.
    """
    length = len(rules.prompt)
    prompt = Rows(rules.prompt, range(length), np.tri(length, dtype=bool), [rules.start, length - 1])
    after = decoder.read(heard, decoder.empty, prompt, rules.not_first, 2 * beam)
    no_speech = _probability(after.logits.numpy()[0], rules.no_speech)
    after = after._replace(scores=after.scores[1:], tokens=after.tokens[1:])
    live = _Live([()], np.zeros(1), np.ones((1, length), bool))
    ended: list[Text] = []
    for place in range(length, length + longest):
        parents = _grown(live, after, rules.end, beam, ended)
        if len(ended) >= beam:
            break
        count = len(live.texts)
        live.sees = np.concatenate([live.sees[parents], np.eye(count, dtype=bool)], axis=1)
        rows = Rows([text[-1] for text in live.texts], [place] * count, live.sees, range(count))
        never = rules.never if repeats else _unrepeated(live.texts, rules)
        after = decoder.read(heard, after.cache, rows, never, 2 * beam)
    else:
        ended += map(Text, live.texts, live.scores)
    best = max(ended, key=lambda text: text.score / max(1, len(text.tokens)))
    return Text(best.tokens, float(best.score), no_speech)


def _grown(live: _Live, after: Next, end: int, beam: int, ended: list[Text]) -> list[int]:
    """Each text with its likeliest next tokens, the best of them; which text each was before."""
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


def _unrepeated(texts: Sequence[tuple[int, ...]], rules: Rules) -> Any:
    """What no text may go on with: that and whatever followed its last tokens before."""
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
