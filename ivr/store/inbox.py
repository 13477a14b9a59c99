"""Messages as an inbox: who has taken what, what was done about it, by whom and when.

Legal changes are a table; everything else is refused.  A change is one UPDATE that holds only in the state it
expects, so that of two people at once one wins.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ivr.core.errors import NotStored, Refused
from ivr.store.tables import message_changes, messages

Row = Mapping[str, Any]
NEW, TAKEN, ANSWERED = STATES = ("new", "taken", "answered")
LONGEST_NAME, LONGEST_NOTE = 64, 4000
"""Signs of a person's name and of a note."""


@dataclass(frozen=True)
class Change:
    """From one state to another; ``own``: only for the one who has taken it."""

    before: str
    after: str
    own: bool = False


CHANGES: Mapping[str, Change] = {
    "take": Change(NEW, TAKEN),
    "release": Change(TAKEN, NEW),  # anybody may: the one who took it may have gone home
    "answer": Change(TAKEN, ANSWERED, own=True),
    "reopen": Change(ANSWERED, NEW),
}


@dataclass(frozen=True)
class MessageFilter:
    """Which messages; what is None or empty does not matter.  ``since`` and ``until``: seconds since 1970."""

    state: str = ""
    lang: str = ""
    owner: str = ""
    urgent: bool | None = None
    since: float | None = None
    until: float | None = None


def page(engine: sa.Engine, wanted: MessageFilter, limit: int, after: str = "") -> list[Row]:
    """The newest first; those that follow the message ``after``.  Raises NotStored when that is not there."""
    chosen = sa.select(messages).where(*_conditions(wanted))
    if after:
        last = one(engine, after)
        place = sa.tuple_(messages.c.left_at, messages.c.id)
        chosen = chosen.where(place < sa.tuple_(sa.literal(last["left_at"]), sa.literal(last["id"])))
    return _rows(engine, chosen.order_by(messages.c.left_at.desc(), messages.c.id.desc()).limit(limit))


def one(engine: sa.Engine, message_id: str) -> Row:
    """One message; raises NotStored."""
    found = _rows(engine, sa.select(messages).where(messages.c.id == message_id))
    if not found:
        raise NotStored(f"no message {message_id}")
    return found[0]


def history(engine: sa.Engine, message_id: str) -> list[Row]:
    """What was done and noted about a message, oldest first."""
    chosen = sa.select(message_changes).where(message_changes.c.message_id == message_id)
    return _rows(engine, chosen.order_by(message_changes.c.id))


def change(engine: sa.Engine, message_id: str, what: str, by: str, note: str = "") -> None:
    """``what`` of CHANGES, by a person; raises Refused or NotStored, and then nothing was changed."""
    step = CHANGES[what]
    wanted = (messages.c.id == message_id) & (messages.c.state == step.before)
    if step.own:
        wanted &= messages.c.owner == by
    owner = by if step.after == TAKEN else messages.c.owner if step.after == ANSWERED else ""
    with engine.begin() as connection:
        done = connection.execute(messages.update().where(wanted).values(state=step.after, owner=owner))
        if done.rowcount == 1:
            _write_down(connection, message_id, what, by, note)
            return
    raise Refused(_why_not(one(engine, message_id), what, by))


def add_note(engine: sa.Engine, message_id: str, by: str, note: str) -> None:
    """Note something about a message, whatever its state; raises NotStored."""
    one(engine, message_id)
    with engine.begin() as connection:
        _write_down(connection, message_id, "note", by, note)


def _why_not(now: Row, what: str, by: str) -> str:
    """One line for the person who was refused."""
    state, owner = now["state"], now["owner"]
    if state == TAKEN:
        whose = "you have taken it already" if owner == by else f"{owner} has taken it"
        mend = "release it first" if what == "answer" else "answer or release it"
        return f"{what} is not possible: {whose}; {mend}"
    if state == ANSWERED:
        return f"{what} is not possible: {owner} has answered it; reopen it first"
    return f"{what} is not possible: nobody has taken it; take it first"


def _write_down(connection: sa.Connection, message_id: str, what: str, by: str, note: str) -> None:
    row = {"message_id": message_id, "at": time.time(), "by": by, "what": what, "note": note}
    connection.execute(message_changes.insert().values(**row))


def _conditions(wanted: MessageFilter) -> list[sa.ColumnElement[bool]]:
    found = [
        messages.c[name] == value for name in ("state", "lang", "owner") if (value := getattr(wanted, name))
    ]
    if wanted.urgent is not None:
        found.append(messages.c.urgency != "" if wanted.urgent else messages.c.urgency == "")
    if wanted.since is not None:
        found.append(messages.c.left_at >= wanted.since)
    if wanted.until is not None:
        found.append(messages.c.left_at < wanted.until)
    return found


def _rows(engine: sa.Engine, statement: sa.Select[Any]) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
