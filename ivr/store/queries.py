"""Questions to the store, one function each."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ivr.core import events as kinds
from ivr.store.tables import calls, events, messages, turns

Row = Mapping[str, Any]
_ID = re.compile(r"(.+?)-(?:\d+\.\d+|fallback-.+)")


def recent_calls(engine: sa.Engine, limit: int = 20) -> list[Row]:
    """The newest calls first."""
    return _rows(engine, sa.select(calls).order_by(calls.c.started.desc()).limit(limit))


def call(engine: sa.Engine, call_id: str) -> Row | None:
    """One call by its id, or by the beginning of it when that is unique."""
    found = _rows(engine, sa.select(calls).where(calls.c.id.startswith(call_id, autoescape=True)).limit(2))
    exact = [row for row in found if row["id"] == call_id]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def events_of(engine: sa.Engine, call_id: str) -> list[kinds.Stamped]:
    """A call's events in their order."""
    chosen = sa.select(events.c.body).where(events.c.call_id == call_id).order_by(events.c.seq)
    return [kinds.from_json(json.loads(row["body"])) for row in _rows(engine, chosen)]


def turns_of(engine: sa.Engine, call_id: str) -> list[Row]:
    """A call's turns in their order."""
    return _rows(engine, sa.select(turns).where(turns.c.call_id == call_id).order_by(turns.c.n))


def all_messages(engine: sa.Engine) -> list[Row]:
    """Every message, oldest first."""
    return _rows(engine, sa.select(messages).order_by(messages.c.left_at))


def message(engine: sa.Engine, message_id: str) -> Row | None:
    """One message by its id, or by the beginning of it when that is unique."""
    chosen = sa.select(messages).where(messages.c.id.startswith(message_id, autoescape=True)).limit(2)
    found = _rows(engine, chosen)
    exact = [row for row in found if row["id"] == message_id]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def untranscribed(engine: sa.Engine, instance: str = "") -> list[Row]:
    """Messages without a transcript yet; those whose sound lies on another machine's disk are left to it."""
    waiting = sa.select(messages).where(messages.c.transcribed == 0).order_by(messages.c.left_at)
    return [row for row in _rows(engine, waiting) if is_of(row["call_id"] or "", instance)]


def unfinished(engine: sa.Engine, since: float, instance: str = "") -> list[str]:
    """Ids of calls begun after ``since`` (seconds since 1970) that nobody has seen end.

    Not those of another ``instance``: its Asterisk alone knows whether they go on.
    """
    chosen = sa.select(calls.c.id).where(calls.c.outcome == "", calls.c.started > since)
    return [row["id"] for row in _rows(engine, chosen) if is_of(row["id"], instance)]


def is_of(call_id: str, instance: str) -> bool:
    """Whether this instance's Asterisk had the call: an id is ``<instance>-<seconds>.<count>``."""
    found = _ID.fullmatch(call_id)
    return not instance or found is None or found[1] == instance


def unmeasured(engine: sa.Engine, since: float, instance: str = "") -> list[Row]:
    """Calls begun after ``since`` (seconds since 1970) that are over and whose recording nobody measured yet."""
    done = sa.select(events.c.seq).where(
        events.c.call_id == calls.c.id, events.c.kind == "recording-measured"
    )
    over = (calls.c.outcome != "", calls.c.recording != "", calls.c.started > since)
    chosen = sa.select(calls).where(*over, ~done.exists()).order_by(calls.c.started)
    return [row for row in _rows(engine, chosen) if is_of(row["id"], instance)]


def _rows(engine: sa.Engine, statement: sa.Select[Any]) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def earlier(engine: sa.Engine, call: Row, since: float) -> list[Row]:
    """Calls of the same number before ``call``, from ``since`` (seconds since 1970) on, newest first."""
    if not call["number"]:
        return []
    same = (
        (calls.c.number == call["number"]) & (calls.c.started < call["started"]) & (calls.c.id != call["id"])
    )
    chosen = sa.select(calls).where(same, calls.c.started >= since).order_by(calls.c.started.desc()).limit(20)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(chosen).mappings()]


def happened(engine: sa.Engine, kinds: Collection[str], after: int) -> list[Row]:
    """Events of these kinds since ``after`` (nanoseconds since 1970), in their order."""
    chosen = sa.select(events).where(events.c.kind.in_(kinds), events.c.seq > after).order_by(events.c.seq)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(chosen).mappings()]


CallEvents = tuple[str, list[kinds.Stamped]]
"""A call's id and its events in their order."""


AT_ONCE = 2000


def stories(
    engine: sa.Engine, start: float, end: float, of: Collection[type[kinds.Event]] = ()
) -> Iterator[CallEvents]:
    """Calls that began from ``start`` to before ``end`` (seconds since 1970), oldest first.

    ``of``: the kinds of events that matter, all of them without it.
    """
    chosen = (
        sa.select(events.c.call_id, events.c.body)
        .join(calls, calls.c.id == events.c.call_id)
        .where(calls.c.started >= start, calls.c.started < end)
        .order_by(calls.c.started, events.c.call_id, events.c.seq)
    )
    if of:
        chosen = chosen.where(events.c.kind.in_([cls.kind for cls in of]))
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=AT_ONCE).execute(chosen)
        for call_id, group in itertools.groupby(rows, key=lambda row: str(row[0])):
            yield call_id, [kinds.from_json(json.loads(row[1])) for row in group]
