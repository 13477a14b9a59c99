"""Questions about calls, events and messages, one function each.

``store`` is the process's handle of the database in every function.  Each raises SQLAlchemyError when the database is
away.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterator

import sqlalchemy as sa

from ivr.core import events as kinds
from ivr.store.database import Store
from ivr.store.rows import CallRow, EventRow, MessageRow, TurnRow
from ivr.store.states import TranscriptState
from ivr.store.tables import calls, events, messages, turns

_ID = re.compile(r"(.+?)-(?:\d+\.\d+|fallback-.+)")
EARLIER = 20
"""Most calls that ``earlier_calls`` returns."""
FETCHED = 2000
"""Rows that ``call_events`` fetches at a time."""
CallEvents = tuple[str, list[kinds.Stamped]]
"""A call's id and its events in their order."""


def recent_calls(store: Store, limit: int = 20) -> list[CallRow]:
    """The newest ``limit`` calls, the newest first."""
    return store.rows(CallRow, sa.select(calls).order_by(calls.c.started.desc()).limit(limit))


def call(store: Store, call_id: str) -> CallRow | None:
    """One call by its id, or by a beginning of the id that is unique; None without one."""
    chosen = sa.select(calls).where(calls.c.id.startswith(call_id, autoescape=True)).limit(2)
    found = store.rows(CallRow, chosen)
    exact = [row for row in found if row.id == call_id]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def calls_since(store: Store, since: float) -> list[CallRow]:
    """Calls that began at ``since`` (seconds since 1970) or later, oldest first."""
    return store.rows(CallRow, sa.select(calls).where(calls.c.started >= since).order_by(calls.c.started))


def earlier_calls(store: Store, call: CallRow, since: float) -> list[CallRow]:
    """Calls of the same number before ``call``, from ``since`` (seconds since 1970) on, newest first."""
    if not call.number:
        return []
    same = (calls.c.number == call.number) & (calls.c.started < call.started) & (calls.c.id != call.id)
    chosen = sa.select(calls).where(same, calls.c.started >= since)
    return store.rows(CallRow, chosen.order_by(calls.c.started.desc()).limit(EARLIER))


def ended_calls(store: Store, start: float, end: float, begun: float) -> list[CallRow]:
    """Calls that ended after ``start`` and before ``end`` and began after ``begun`` (seconds since 1970)."""
    ended = calls.c.started + calls.c.seconds
    over = (calls.c.outcome != "", calls.c.started > begun, ended > start, ended < end)
    return store.rows(CallRow, sa.select(calls).where(*over))


def running_calls(store: Store, since: float, instance: str = "") -> list[str]:
    """Ids of calls begun after ``since`` (seconds since 1970) whose end is not stored.

    With an ``instance``, calls of other instances are left out: their Asterisk alone knows whether they go on.
    """
    chosen = sa.select(calls.c.id).where(calls.c.outcome == "", calls.c.started > since)
    with store.connect() as connection:
        return [call_id for call_id in connection.scalars(chosen) if is_of(call_id, instance)]


def refused_calls(store: Store, ids: Collection[str]) -> set[str]:
    """Those of the calls ``ids`` whose caller refused to be recorded."""
    chosen = sa.select(calls.c.id).where(calls.c.id.in_(ids), calls.c.refused == 1)
    with store.connect() as connection:
        return set(connection.scalars(chosen))


def unmeasured(store: Store, since: float, instance: str = "") -> list[CallRow]:
    """Calls begun after ``since`` (seconds since 1970) that are over and whose recording is not measured yet.

    With an ``instance``, calls of other instances are left out: their recordings lie on another machine.
    """
    done = sa.select(events.c.seq).where(
        events.c.call_id == calls.c.id, events.c.kind == "recording-measured"
    )
    over = (calls.c.outcome != "", calls.c.recording != "", calls.c.started > since)
    chosen = sa.select(calls).where(*over, ~done.exists()).order_by(calls.c.started)
    return [row for row in store.rows(CallRow, chosen) if is_of(row.id, instance)]


def is_of(call_id: str, instance: str) -> bool:
    """Whether the call belongs to ``instance``: ids are ``<instance>-<seconds>.<count>``.  Empty means any."""
    found = _ID.fullmatch(call_id)
    return not instance or found is None or found[1] == instance


def turns_of(store: Store, call_id: str) -> list[TurnRow]:
    """A call's turns in their order."""
    return store.rows(TurnRow, sa.select(turns).where(turns.c.call_id == call_id).order_by(turns.c.n))


def events_of(store: Store, call_id: str) -> list[kinds.Stamped]:
    """A call's events in their order."""
    chosen = sa.select(events.c.body).where(events.c.call_id == call_id).order_by(events.c.seq)
    with store.connect() as connection:
        return [kinds.from_json(json.loads(body)) for body in connection.scalars(chosen)]


def events_since(store: Store, kinds: Collection[str], after: int) -> list[EventRow]:
    """Events of the named ``kinds`` whose number is above ``after`` (nanoseconds since 1970), in their order."""
    chosen = sa.select(events).where(events.c.kind.in_(kinds), events.c.seq > after)
    return store.rows(EventRow, chosen.order_by(events.c.seq))


def call_events(
    store: Store, start: float, end: float, of: Collection[type[kinds.Event]] = ()
) -> Iterator[CallEvents]:
    """Events of calls that began from ``start`` to before ``end`` (seconds since 1970), the oldest call first.

    ``of``: the kinds of events wanted; empty means all.
    """
    chosen = (
        sa.select(events.c.call_id, events.c.body)
        .join(calls, calls.c.id == events.c.call_id)
        .where(calls.c.started >= start, calls.c.started < end)
        .order_by(calls.c.started, events.c.call_id, events.c.seq)
    )
    if of:
        chosen = chosen.where(events.c.kind.in_([cls.kind for cls in of]))
    with store.connect() as connection:
        rows = connection.execution_options(yield_per=FETCHED).execute(chosen)
        for call_id, group in itertools.groupby(rows, key=lambda row: str(row[0])):
            yield call_id, [kinds.from_json(json.loads(row[1])) for row in group]


def all_messages(store: Store) -> list[MessageRow]:
    """Every message, oldest first."""
    return store.rows(MessageRow, sa.select(messages).order_by(messages.c.left_at))


def message(store: Store, message_id: str) -> MessageRow | None:
    """One message by its id, or by a beginning of the id that is unique; None without one."""
    chosen = sa.select(messages).where(messages.c.id.startswith(message_id, autoescape=True)).limit(2)
    found = store.rows(MessageRow, chosen)
    exact = [row for row in found if row.id == message_id]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def untranscribed(store: Store, instance: str = "") -> list[MessageRow]:
    """Messages without a transcript, oldest first.

    With an ``instance``, messages of other instances are left out: their sound lies on another machine.
    """
    waiting = (
        sa.select(messages)
        .where(messages.c.transcribed == TranscriptState.WAITING)
        .order_by(messages.c.left_at)
    )
    return [row for row in store.rows(MessageRow, waiting) if is_of(row.call_id or "", instance)]
