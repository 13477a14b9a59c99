"""Chooses the turn that is labelled next.  Pure.

Turns are ordered by a hash of their names.  The sample is as good as random, so figures from labels hold for all
traffic.  It is the same for everybody, so people label the same turns.  One turn in five gets a second label, which
shows how reliable the labels are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from ivr.evaluation.labels.labelled_turns import LabelledTurn

TWICE = 5
"""One turn in this number is offered to a second person."""
TurnKey = tuple[str, int]


def next_turn(
    turns: Sequence[LabelledTurn], labelled: Mapping[TurnKey, Collection[str]], person: str
) -> LabelledTurn | None:
    """Return the next turn for ``person``, or None when none is left.

    turns: all turns; labelled: the people who labelled a turn, by (call ID, number of the turn).
    """
    waiting = [turn for turn in turns if _is_for(turn, labelled.get((turn.call_id, turn.n), ()), person)]
    return min(waiting, key=sampling_key, default=None)


def _is_for(turn: LabelledTurn, people: Collection[str], person: str) -> bool:
    return not people or (person not in people and len(people) == 1 and sampling_key(turn) % TWICE == 0)


def sampling_key(turn: LabelledTurn) -> int:
    """Return the key by which turns are ordered."""
    return int.from_bytes(hashlib.sha256(turn.name.encode()).digest()[:8])
