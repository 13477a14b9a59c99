"""Callbacks as tasks: who asked, when he is to be called, who has taken it, what was tried, how it ended.

A task is made by the call's event; the console's engine and people change it.  Every change is one UPDATE that
holds only in the states it expects, so that of two at once one wins.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.core.errors import NotStored, Refused
from ivr.core.events import CallbackWanted
from ivr.store.tables import callback_attempts, callbacks, calls

Row = Mapping[str, Any]
OPEN, CALLING, DONE, CLOSED = STATES = ("open", "calling", "done", "closed")
RESULTS = ("talked", "no-answer", "busy", "unreachable", "no-adviser", "declined", "interrupted")
"""How an attempt ended: the first four after the caller's telephone was rung; the others before it was, or when
the exchange ended in the middle."""
RUNG = frozenset({"talked", "no-answer", "busy", "unreachable"})
LONGEST_OUTCOME = 500


def want(connection: sa.Connection, call_id: str, at: float, wanted: CallbackWanted) -> None:
    """A new task; one that is there already stays as it is."""
    if connection.execute(sa.select(callbacks.c.id).where(callbacks.c.id == wanted.callback)).first() is None:
        row = {"number": wanted.number, "lang": wanted.lang, "topic": wanted.topic}
        span = {"start": wanted.start, "end": wanted.end}
        values = {"id": wanted.callback, "call_id": call_id, "asked_at": at, **row, **span}
        connection.execute(callbacks.insert().values(**values))


# questions


def every(engine: sa.Engine, state: str = "", limit: int = 200) -> list[Row]:
    """Those not ended first, by their window; then the ended ones, the latest first."""
    ended = sa.case((callbacks.c.state.in_((OPEN, CALLING)), 0), else_=1)
    order = (ended, sa.case((ended == 0, callbacks.c.start)), callbacks.c.ended_at.desc(), callbacks.c.id)
    chosen = sa.select(callbacks).where(callbacks.c.state == state if state else sa.true())
    return _rows(engine, chosen.order_by(*order).limit(limit))


def waiting(engine: sa.Engine) -> list[Row]:
    """All that are not ended, by their window."""
    alive = callbacks.c.state.in_((OPEN, CALLING))
    return _rows(engine, sa.select(callbacks).where(alive).order_by(callbacks.c.start, callbacks.c.asked_at))


def one(engine: sa.Engine, callback_id: str) -> Row:
    """One by its id, or by the beginning of it when that is unique; raises NotStored."""
    chosen = sa.select(callbacks).where(callbacks.c.id.startswith(callback_id, autoescape=True)).limit(2)
    found = _rows(engine, chosen)
    exact = [row for row in found if row["id"] == callback_id]
    if not callback_id or not found or (len(found) > 1 and not exact):
        raise NotStored(f"no callback {callback_id}")
    return (exact or found)[0]


def attempts_of(engine: sa.Engine, callback_id: str) -> list[Row]:
    """What was tried, oldest first."""
    chosen = sa.select(callback_attempts).where(callback_attempts.c.callback_id == callback_id)
    return _rows(engine, chosen.order_by(callback_attempts.c.id))


def asked(engine: sa.Engine, since: float) -> tuple[Counter[str], Counter[str]]:
    """How many were asked for since then: for each number to be called; from each caller (his pseudonym)."""
    joined = callbacks.outerjoin(calls, calls.c.id == callbacks.c.call_id)
    chosen = sa.select(callbacks.c.number, calls.c.number.label("caller")).select_from(joined)
    found = _rows(engine, chosen.where(callbacks.c.asked_at > since))
    return Counter(row["number"] for row in found), Counter(row["caller"] for row in found if row["caller"])


# what people do


def take(engine: sa.Engine, callback_id: str, by: str) -> None:
    """``by`` will see to it: nobody is rung for it any more.  Raises Refused, NotStored."""
    free = (callbacks.c.state == OPEN) & (callbacks.c.owner.in_(("", by)))
    _change(engine, callback_id, free, "take", owner=by)


def release(engine: sa.Engine, callback_id: str) -> None:
    """Whoever had taken it does not see to it after all."""
    _change(engine, callback_id, callbacks.c.state == OPEN, "release", owner="")


def finish(engine: sa.Engine, callback_id: str, by: str, outcome: str, *, done: bool) -> None:
    """It is ``done`` (he was called) or closed without that; ``outcome`` says how.  Raises Refused, NotStored."""
    alive = callbacks.c.state == OPEN
    values = {
        "state": DONE if done else CLOSED,
        "outcome": outcome[:LONGEST_OUTCOME],
        "ended_at": time.time(),
    }
    _change(
        engine, callback_id, alive, "done" if done else "close", **values, **({"owner": by} if by else {})
    )


def _change(
    engine: sa.Engine, callback_id: str, when: sa.ColumnElement[bool], what: str, **values: object
) -> None:
    found = one(engine, callback_id)
    with engine.begin() as connection:
        ours = (callbacks.c.id == found["id"]) & when
        if connection.execute(callbacks.update().where(ours).values(**values)).rowcount == 1:
            return
    raise Refused(_why_not(one(engine, found["id"]), what))


def _why_not(now: Row, what: str) -> str:
    """One line for the person who was refused."""
    if now["state"] == CALLING:
        return f"{what} is not possible: he is being called just now"
    if now["state"] == OPEN:
        return f"{what} is not possible: {now['owner']} has taken it"
    return f"{what} is not possible: it is {now['state']} ({now['outcome']})"


# what the engine does


@dataclass(frozen=True)
class Settled:
    """How an attempt ended, and what becomes of the task: its ``state``, when it may be called again."""

    result: str
    state: str
    seconds: float = 0.0
    next_at: float = 0.0
    outcome: str = ""


def begin(engine: sa.Engine, callback_id: str, adviser: str, at: float) -> int | None:
    """An adviser's telephone will be rung for it: the attempt's number; None when somebody else was faster."""
    free = (callbacks.c.id == callback_id) & (callbacks.c.state == OPEN) & (callbacks.c.owner == "")
    with engine.begin() as connection:
        if connection.execute(callbacks.update().where(free).values(state=CALLING)).rowcount != 1:
            return None
        row = {"callback_id": callback_id, "at": at, "adviser": adviser}
        made = connection.execute(callback_attempts.insert().values(**row)).inserted_primary_key
        return int(made[0]) if made else None


def settle(engine: sa.Engine, callback_id: str, attempt: int, settled: Settled) -> None:
    """An attempt is over; doing it twice changes nothing."""
    with engine.begin() as connection:
        running = (callbacks.c.id == callback_id) & (callbacks.c.state == CALLING)
        rung = callbacks.c.attempts + (1 if settled.result in RUNG else 0)
        ended = {"ended_at": time.time()} if settled.state in (DONE, CLOSED) else {}
        values = {"state": settled.state, "attempts": rung, "next_at": settled.next_at, **ended}
        changed = callbacks.update().where(running).values(**values, outcome=settled.outcome)
        if connection.execute(changed).rowcount != 1:
            return
        this = callback_attempts.c.id == attempt
        facts = {"result": settled.result, "seconds": settled.seconds}
        connection.execute(callback_attempts.update().where(this).values(**facts))
        if settled.state == DONE:
            by = sa.select(callback_attempts.c.adviser).where(this).scalar_subquery()
            mine = callbacks.c.id == callback_id
            connection.execute(callbacks.update().where(mine).values(owner=by))


def move(engine: sa.Engine, callback_id: str, start: float, end: float) -> None:
    """The window has passed; this is the next one."""
    ours = (callbacks.c.id == callback_id) & (callbacks.c.state == OPEN)
    values = {"start": start, "end": end, "moves": callbacks.c.moves + 1, "next_at": 0.0}
    with engine.begin() as connection:
        connection.execute(callbacks.update().where(ours).values(**values))


def close(engine: sa.Engine, callback_id: str, outcome: str) -> None:
    """Given up, and why; nothing where a person has taken it meanwhile."""
    ours = (callbacks.c.id == callback_id) & (callbacks.c.state == OPEN) & (callbacks.c.owner == "")
    values = {"state": CLOSED, "outcome": outcome, "ended_at": time.time()}
    with engine.begin() as connection:
        connection.execute(callbacks.update().where(ours).values(**values))


def _rows(engine: sa.Engine, statement: sa.Select[Any]) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
