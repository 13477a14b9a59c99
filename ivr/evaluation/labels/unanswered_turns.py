"""Finds the turns that got no answer, and the reason.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ivr.content.intents import OUT_OF_SCOPE, ControlIntent
from ivr.core.vocabulary import Decision
from ivr.store.rows import SpokenTurn

FEWEST_WORDS = 2
"""Minimum of words: a single word is mostly noise."""


@dataclass(frozen=True)
class Declined:
    """A question without an answer.

    at: seconds since 1970; start_s: seconds in the recording of ``call_id``.
    why: declined ("pardon?"), person (transferred after a second failure), denied ("did you mean ...?", no).
    near: the nearest intent.
    """

    call_id: str
    at: float
    start_s: float
    lang: str
    text: str
    why: str
    near: str


def declined(rows: Sequence[SpokenTurn]) -> Iterator[Declined]:
    """Yield the questions without an answer, without requests for a person and small talk.

    rows: spoken turns, those of a call together and in order.
    """
    for _, group in groupby(rows, key=lambda row: row.call_id):
        call = list(group)
        for number, row in enumerate(call):
            why = _why(row, call[number + 1] if number + 1 < len(call) else None)
            if why and len(row.heard.split()) >= FEWEST_WORDS:
                at = row.started + row.start_s
                near = "" if row.intent == OUT_OF_SCOPE else row.intent
                yield Declined(row.call_id, at, row.start_s, row.lang, row.heard, why, near or row.second)


def _why(row: SpokenTurn, following: SpokenTurn | None) -> str:
    """Return the reason; empty when the caller was answered or asked nothing, or when understanding failed."""
    if not row.intent:
        return ""
    match row.decision:
        case Decision.REPROMPT:
            return "declined"
        case Decision.HANDOFF if row.intent != ControlIntent.HUMAN:
            return "person"
        case Decision.CONFIRM | Decision.EITHER if (
            following is not None and following.intent == ControlIntent.NO
        ):
            return "denied"
    return ""
