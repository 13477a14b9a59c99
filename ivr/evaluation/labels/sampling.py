"""Which turn is labelled next.  Pure.

The order is that of a hash of the turn's name: as good as drawn by lot, so that figures from labels speak for all
traffic, and the same for everybody, so that people meet the same turns.  One turn in five gets a second person's
label, which shows how far the labels themselves can be trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from ivr.evaluation.labels.labelled_turns import LabelledTurn

TWICE = 5
"""One turn in so many is offered to a second person."""
TurnKey = tuple[str, int]


def next_turn(
    turns: Sequence[LabelledTurn], labelled: Mapping[TurnKey, Collection[str]], person: str
) -> LabelledTurn | None:
    """The turn for this person; ``labelled`` holds who has labelled what.  None when nothing is left."""
    waiting = [turn for turn in turns if _is_for(turn, labelled.get((turn.call_id, turn.n), ()), person)]
    return min(waiting, key=sampling_key, default=None)


def _is_for(turn: LabelledTurn, people: Collection[str], person: str) -> bool:
    return not people or (person not in people and len(people) == 1 and sampling_key(turn) % TWICE == 0)


def sampling_key(turn: LabelledTurn) -> int:
    """The turn's place in the order."""
    return int.from_bytes(hashlib.sha256(turn.name.encode()).digest()[:8])
