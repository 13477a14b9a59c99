"""What people say that callers really said and meant: one row a turn and person."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ivr.store.queries import Row
from ivr.store.tables import calls, labels, turns

SPEECH = turns.c.kind == "speech"
TURN = (
    turns, calls.c.started.label("started"), calls.c.recording.label("recording"),
)  # fmt: skip


def set_label(
    engine: sa.Engine, call_id: str, n: int, labeller: str, words: str, meant: str, note: str, at: float
) -> None:
    """Keep a person's label of a turn; it replaces an earlier one of the same person."""
    own = (labels.c.call_id == call_id) & (labels.c.n == n) & (labels.c.labeller == labeller)
    row = {"call_id": call_id, "n": n, "labeller": labeller, "words": words, "intent": meant}
    with engine.begin() as connection:
        connection.execute(labels.delete().where(own))
        connection.execute(labels.insert().values(**row, note=note, at=at))


def spoken_turns(engine: sa.Engine, start: float, end: float) -> list[Row]:
    """Turns in which something was heard, of calls begun from ``start`` to before ``end``, oldest first."""
    chosen = _turns().where(SPEECH, calls.c.started >= start, calls.c.started < end)
    return _rows(engine, chosen.order_by(calls.c.started, turns.c.call_id, turns.c.n))


def spoken_turn(engine: sa.Engine, call_id: str, n: int) -> Row | None:
    """One of them."""
    found = _rows(engine, _turns().where(SPEECH, turns.c.call_id == call_id, turns.c.n == n))
    return found[0] if found else None


def all_labels(engine: sa.Engine, start: float, end: float) -> list[Row]:
    """Labels of turns of calls begun from ``start`` to before ``end``; the turn's columns beside them.

    The label's own are ``labeller``, ``words``, ``meant``, ``note`` and ``labelled_at``.
    """
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
    return _rows(engine, chosen)


def _turns() -> sa.Select[Any]:
    return sa.select(*TURN).join(calls, calls.c.id == turns.c.call_id)


def _rows(engine: sa.Engine, statement: sa.Select[Any]) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
