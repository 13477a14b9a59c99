"""Which turn is labelled next.  Pure.

The order is that of a hash of the turn's name: as good as drawn by lot, so that figures from labels speak for all
traffic, and the same for everybody, so that people meet the same turns.  One turn in five gets a second person's
label, which shows how far the labels themselves can be trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from ivr.evaluation.labels.labelled_turns import Turn

TWICE = 5
"""One turn in so many is offered to a second person."""
Key = tuple[str, int]


def next_turn(turns: Sequence[Turn], labelled: Mapping[Key, Collection[str]], person: str) -> Turn | None:
    """The turn for this person; ``labelled`` holds who has labelled what.  None when nothing is left."""
    waiting = [turn for turn in turns if _is_for(turn, labelled.get((turn.call_id, turn.n), ()), person)]
    return min(waiting, key=lot, default=None)


def _is_for(turn: Turn, people: Collection[str], person: str) -> bool:
    return not people or (person not in people and len(people) == 1 and lot(turn) % TWICE == 0)


def lot(turn: Turn) -> int:
    """The turn's place in the order."""
    return int.from_bytes(hashlib.sha256(turn.name.encode()).digest()[:8])
