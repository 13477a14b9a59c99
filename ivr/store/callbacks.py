"""Callbacks as tasks: who asked, when they are to be called, who has taken it, each attempt, how it ended.

A call's event makes the task; the console's dialler and people change it.  Every change is one UPDATE that holds only
in the states that it expects, so that one of two changes at the same time wins.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa

from ivr.core.errors import NotStored, Refused
from ivr.core.events import CallbackWanted
from ivr.core.pseudonyms import is_pseudonym
from ivr.store.database import Store
from ivr.store.rows import CallbackAttemptRow, CallbackRow
from ivr.store.states import AttemptResult, CallbackState
from ivr.store.tables import callback_attempts, callbacks, calls

RUNG = frozenset(
    {
        AttemptResult.TALKED,
        AttemptResult.NOT_ACCEPTED,
        AttemptResult.NO_ANSWER,
        AttemptResult.BUSY,
        AttemptResult.UNREACHABLE,
    }
)
"""The results of attempts in which the caller's telephone rang."""
LONGEST_OUTCOME = 500
"""Characters of an outcome."""


def add(connection: sa.Connection, call_id: str, at: float, wanted: CallbackWanted) -> None:
    """Make the task that an event of a call asks for, at ``at`` (seconds since 1970); an existing task stays."""
    if connection.execute(sa.select(callbacks.c.id).where(callbacks.c.id == wanted.callback)).first() is None:
        row = {"number": wanted.number, "lang": wanted.lang, "topic": wanted.topic}
        span = {"start": wanted.start, "end": wanted.end}
        values = {"id": wanted.callback, "call_id": call_id, "asked_at": at, **row, **span}
        connection.execute(callbacks.insert().values(**values))


# questions


def listed(store: Store, state: str = "", limit: int = 200) -> list[CallbackRow]:
    """At most ``limit`` callbacks, in one ``state`` or in any.

    Those that are not ended come first, by their window; then the ended ones, the latest first.
    """
    ended = sa.case((callbacks.c.state.in_((CallbackState.OPEN, CallbackState.CALLING)), 0), else_=1)
    order = (ended, sa.case((ended == 0, callbacks.c.start)), callbacks.c.ended_at.desc(), callbacks.c.id)
    chosen = sa.select(callbacks).where(callbacks.c.state == state if state else sa.true())
    return store.rows(CallbackRow, chosen.order_by(*order).limit(limit))


def pending(store: Store) -> list[CallbackRow]:
    """All callbacks that are not ended, by their window."""
    chosen = sa.select(callbacks).where(callbacks.c.state.in_((CallbackState.OPEN, CallbackState.CALLING)))
    return store.rows(CallbackRow, chosen.order_by(callbacks.c.start, callbacks.c.asked_at))


def one(store: Store, callback_id: str) -> CallbackRow:
    """One callback by its id, or by a beginning of the id that is unique; raises NotStored."""
    chosen = sa.select(callbacks).where(callbacks.c.id.startswith(callback_id, autoescape=True)).limit(2)
    found = store.rows(CallbackRow, chosen)
    exact = [row for row in found if row.id == callback_id]
    if not callback_id or not found or (len(found) > 1 and not exact):
        raise NotStored(f"no callback {callback_id}")
    return (exact or found)[0]


def attempts_of(store: Store, callback_id: str) -> list[CallbackAttemptRow]:
    """The attempts of a callback, oldest first."""
    chosen = sa.select(callback_attempts).where(callback_attempts.c.callback_id == callback_id)
    return store.rows(CallbackAttemptRow, chosen.order_by(callback_attempts.c.id))


def asked_since(store: Store, since: float) -> list[tuple[str, str]]:
    """The callbacks asked for after ``since`` (seconds since 1970).

    Returns for each the number to be called and the caller's pseudonym, which is empty for a withheld number.
    """
    joined = callbacks.outerjoin(calls, calls.c.id == callbacks.c.call_id)
    chosen = sa.select(callbacks.c.number, calls.c.number.label("caller")).select_from(joined)
    with store.connect() as connection:
        found = connection.execute(chosen.where(callbacks.c.asked_at > since)).all()
    return [(row.number, row.caller or "") for row in found]


# what people do


def take(store: Store, callback_id: str, by: str) -> None:
    """Give the callback to the person ``by``, so that no adviser is rung for it; raises NotStored or Refused."""
    free = (callbacks.c.state == CallbackState.OPEN) & (callbacks.c.owner.in_(("", by)))
    _change(store, callback_id, free, "take", owner=by)


def release(store: Store, callback_id: str) -> None:
    """Take the callback from its owner, so that advisers are rung for it again; raises NotStored or Refused."""
    _change(store, callback_id, callbacks.c.state == CallbackState.OPEN, "release", owner="")


def finish(store: Store, callback_id: str, by: str, outcome: str, *, done: bool) -> None:
    """End the callback.

    ``by``: the person; ``outcome``: how it ended, in words; ``done``: the caller was called, otherwise the callback
    is closed without a call.  Raises NotStored or Refused.
    """
    values = {
        "state": CallbackState.DONE if done else CallbackState.CLOSED,
        "outcome": outcome[:LONGEST_OUTCOME],
        "ended_at": time.time(),
    }
    owner = {"owner": by} if by else {}
    _change(
        store,
        callback_id,
        callbacks.c.state == CallbackState.OPEN,
        "done" if done else "close",
        **values,
        **owner,
    )


def reopen(store: Store, callback_id: str) -> None:
    """Open an ended callback again, with all its attempts.

    Raises NotStored, or Refused when it has not ended or its number is deleted.
    """
    if is_pseudonym(one(store, callback_id).number):
        raise Refused("reopen is not possible: its number is not kept any more")
    ended = callbacks.c.state.in_((CallbackState.DONE, CallbackState.CLOSED))
    fresh = {"owner": "", "attempts": 0, "moves": 0, "next_at": 0.0, "outcome": "", "ended_at": None}
    _change(store, callback_id, ended, "reopen", state=CallbackState.OPEN, **fresh)


def _change(
    store: Store, callback_id: str, when: sa.ColumnElement[bool], what: str, **values: object
) -> None:
    found = one(store, callback_id)
    with store.begin() as connection:
        ours = (callbacks.c.id == found.id) & when
        if connection.execute(callbacks.update().where(ours).values(**values)).rowcount == 1:
            return
    raise Refused(_why_not(one(store, found.id), what))


def _why_not(callback: CallbackRow, what: str) -> str:
    """One line for the person whose change was refused."""
    if callback.state == CallbackState.CALLING:
        return f"{what} is not possible: the caller is being called just now"
    if callback.state == CallbackState.OPEN and what == "reopen":
        return "reopen is not possible: it is open"
    if callback.state == CallbackState.OPEN:
        return f"{what} is not possible: {callback.owner} has taken it"
    return f"{what} is not possible: it is {callback.state} ({callback.outcome})"


# what the dialler does


@dataclass(frozen=True)
class Settled:
    """How an attempt ended, and what becomes of the task.

    ``state``: of the task; ``seconds``: of talk; ``next_at``: the earliest next call
    (seconds since 1970); ``outcome``: in words.
    """

    result: AttemptResult
    state: CallbackState
    seconds: float = 0.0
    next_at: float = 0.0
    outcome: str = ""


def begin(store: Store, callback_id: str, adviser: str, at: float) -> int | None:
    """Record that an adviser's telephone is about to be rung for a callback, at ``at`` (seconds since 1970).

    Returns the attempt's number; None when somebody else was faster.
    """
    free = (
        (callbacks.c.id == callback_id)
        & (callbacks.c.state == CallbackState.OPEN)
        & (callbacks.c.owner == "")
    )
    with store.begin() as connection:
        if (
            connection.execute(callbacks.update().where(free).values(state=CallbackState.CALLING)).rowcount
            != 1
        ):
            return None
        row = {"callback_id": callback_id, "at": at, "adviser": adviser}
        made = connection.execute(callback_attempts.insert().values(**row)).inserted_primary_key
        return int(made[0]) if made else None


def settle(store: Store, callback_id: str, attempt: int, settled: Settled) -> None:
    """Record how ``attempt`` ended; a second time changes nothing."""
    with store.begin() as connection:
        running = (callbacks.c.id == callback_id) & (callbacks.c.state == CallbackState.CALLING)
        rung = callbacks.c.attempts + (1 if settled.result in RUNG else 0)
        ended = (
            {"ended_at": time.time()} if settled.state in (CallbackState.DONE, CallbackState.CLOSED) else {}
        )
        values = {"state": settled.state, "attempts": rung, "next_at": settled.next_at, **ended}
        changed = callbacks.update().where(running).values(**values, outcome=settled.outcome)
        if connection.execute(changed).rowcount != 1:
            return
        this = callback_attempts.c.id == attempt
        facts = {"result": settled.result, "seconds": settled.seconds}
        connection.execute(callback_attempts.update().where(this).values(**facts))
        if settled.state == CallbackState.DONE:
            by = sa.select(callback_attempts.c.adviser).where(this).scalar_subquery()
            this_task = callbacks.c.id == callback_id
            connection.execute(callbacks.update().where(this_task).values(owner=by))


def move(store: Store, callback_id: str, start: float, end: float) -> None:
    """Move a callback whose window has passed to the next one, ``start`` to ``end`` (seconds since 1970)."""
    ours = (callbacks.c.id == callback_id) & (callbacks.c.state == CallbackState.OPEN)
    values = {"start": start, "end": end, "moves": callbacks.c.moves + 1, "next_at": 0.0}
    with store.begin() as connection:
        connection.execute(callbacks.update().where(ours).values(**values))


def close(store: Store, callback_id: str, outcome: str) -> None:
    """Give a callback up; ``outcome`` says why, in words.  One that a person has taken meanwhile stays."""
    ours = (
        (callbacks.c.id == callback_id)
        & (callbacks.c.state == CallbackState.OPEN)
        & (callbacks.c.owner == "")
    )
    values = {"state": CallbackState.CLOSED, "outcome": outcome, "ended_at": time.time()}
    with store.begin() as connection:
        connection.execute(callbacks.update().where(ours).values(**values))
