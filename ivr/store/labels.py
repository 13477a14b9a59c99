"""What people say that callers really said and meant: one row a turn and person."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ivr.store.database import Store
from ivr.store.rows import SpokenTurn, StoredLabel
from ivr.store.tables import calls, labels, turns

SPEECH = turns.c.kind == "speech"
TURN = (turns, calls.c.started.label("started"), calls.c.recording.label("recording"))
"""The columns of a SpokenTurn."""


def set_label(
    store: Store, call_id: str, n: int, labeller: str, words: str, meant: str, note: str, at: float
) -> None:
    """Store one person's label of a turn; it replaces an earlier one of the same person.

    ``n``: the turn's number in the call, from 1; ``words``: what was said, empty for nothing; ``meant``: the intent;
    ``at``: seconds since 1970.
    """
    own = (labels.c.call_id == call_id) & (labels.c.n == n) & (labels.c.labeller == labeller)
    row = {"call_id": call_id, "n": n, "labeller": labeller, "words": words, "intent": meant}
    with store.begin() as connection:
        connection.execute(labels.delete().where(own))
        connection.execute(labels.insert().values(**row, note=note, at=at))


def spoken_turns(store: Store, start: float, end: float) -> list[SpokenTurn]:
    """Turns in which something was heard, of calls begun from ``start`` to before ``end`` (seconds since 1970).

    The oldest call comes first, and its turns in their order.
    """
    chosen = _turns().where(SPEECH, calls.c.started >= start, calls.c.started < end)
    return store.rows(SpokenTurn, chosen.order_by(calls.c.started, turns.c.call_id, turns.c.n))


def spoken_turn(store: Store, call_id: str, n: int) -> SpokenTurn | None:
    """Turn ``n`` of a call; None when nothing was heard in it, or when it is not stored."""
    found = store.rows(SpokenTurn, _turns().where(SPEECH, turns.c.call_id == call_id, turns.c.n == n))
    return found[0] if found else None


def all_labels(store: Store, start: float, end: float) -> list[StoredLabel]:
    """Labels of turns of calls begun from ``start`` to before ``end`` (seconds since 1970), turn by turn."""
    own = (
        labels.c.labeller, labels.c.words, labels.c.intent.label("meant"), labels.c.note,
        labels.c.at.label("labelled_at"),
    )  # fmt: skip
    chosen = (
        sa.select(*TURN, *own)
        .join(turns, (turns.c.call_id == labels.c.call_id) & (turns.c.n == labels.c.n))
        .join(calls, calls.c.id == turns.c.call_id)
        .where(calls.c.started >= start, calls.c.started < end)
        .order_by(calls.c.started, turns.c.call_id, turns.c.n, labels.c.labeller)
    )
    return store.rows(StoredLabel, chosen)


def _turns() -> sa.Select[Any]:
    return sa.select(*TURN).join(calls, calls.c.id == turns.c.call_id)
