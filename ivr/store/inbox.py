"""Messages as an inbox: who has taken which message, and what was done about it, by whom and when.

The legal changes are a table; all others are refused.  A change is one UPDATE that holds only in the state that it
expects, so that one of two people who act at the same time wins.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from ivr.core.errors import NotStored, Refused
from ivr.store.database import Store
from ivr.store.rows import MessageChangeRow, MessageRow
from ivr.store.states import MessageAction, MessageState
from ivr.store.tables import message_changes, messages

LONGEST_NAME, LONGEST_NOTE = 64, 4000
"""Characters of a person's name and of a note."""


@dataclass(frozen=True)
class MessageChange:
    """A legal change from the state ``before`` to ``after``; ``own``: only the owner of the message may do it."""

    before: MessageState
    after: MessageState
    own: bool = False


CHANGES: Mapping[MessageAction, MessageChange] = {
    MessageAction.TAKE: MessageChange(MessageState.NEW, MessageState.TAKEN),
    # everybody may release: the owner may have gone home
    MessageAction.RELEASE: MessageChange(MessageState.TAKEN, MessageState.NEW),
    MessageAction.ANSWER: MessageChange(MessageState.TAKEN, MessageState.ANSWERED, own=True),
    MessageAction.REOPEN: MessageChange(MessageState.ANSWERED, MessageState.NEW),
}


@dataclass(frozen=True)
class MessageFilter:
    """Which messages are wanted; a field that is None or empty does not filter.

    ``since`` and ``until``: left then or later, left before then (seconds since 1970).
    """

    state: str = ""
    lang: str = ""
    owner: str = ""
    urgent: bool | None = None
    since: float | None = None
    until: float | None = None


def page(store: Store, wanted: MessageFilter, limit: int, after: str = "") -> list[MessageRow]:
    """At most ``limit`` messages that pass the filter, newest first.

    ``after``: the id of the last message of the page before; NotStored is raised when it is not stored.
    """
    chosen = sa.select(messages).where(*_conditions(wanted))
    if after:
        last = one(store, after)
        place = sa.tuple_(messages.c.left_at, messages.c.id)
        chosen = chosen.where(place < sa.tuple_(sa.literal(last.left_at), sa.literal(last.id)))
    newest_first = chosen.order_by(messages.c.left_at.desc(), messages.c.id.desc())
    return store.rows(MessageRow, newest_first.limit(limit))


def one(store: Store, message_id: str) -> MessageRow:
    """One message; raises NotStored."""
    found = store.rows(MessageRow, sa.select(messages).where(messages.c.id == message_id))
    if not found:
        raise NotStored(f"no message {message_id}")
    return found[0]


def history(store: Store, message_id: str) -> list[MessageChangeRow]:
    """What was done and noted about a message, oldest first."""
    chosen = sa.select(message_changes).where(message_changes.c.message_id == message_id)
    return store.rows(MessageChangeRow, chosen.order_by(message_changes.c.id))


def counts(store: Store) -> dict[str, int]:
    """The number of messages in each state; a state without messages is left out."""
    chosen = sa.select(messages.c.state, sa.func.count()).group_by(messages.c.state)
    with store.connect() as connection:
        return {state: count for state, count in connection.execute(chosen)}


def change(store: Store, message_id: str, what: MessageAction, by: str, note: str = "") -> None:
    """Change a message's state.

    ``what``: a name in CHANGES; ``by``: the person; ``note``: a remark that goes into the history.  Raises NotStored,
    or Refused when the message is not in the state before; then nothing was changed.
    """
    step = CHANGES[what]
    wanted = (messages.c.id == message_id) & (messages.c.state == step.before)
    if step.own:
        wanted &= messages.c.owner == by
    kept = messages.c.owner if step.after == MessageState.ANSWERED else ""
    owner = by if step.after == MessageState.TAKEN else kept
    with store.begin() as connection:
        done = connection.execute(messages.update().where(wanted).values(state=step.after, owner=owner))
        if done.rowcount == 1:
            _record(connection, message_id, what, by, note)
            return
    raise Refused(_why_not(one(store, message_id), what, by))


def add_note(store: Store, message_id: str, by: str, note: str) -> None:
    """Add a note by a person to a message's history, in any state; raises NotStored."""
    one(store, message_id)
    with store.begin() as connection:
        _record(connection, message_id, MessageAction.NOTE, by, note)


def _why_not(message: MessageRow, what: MessageAction, by: str) -> str:
    """One line for the person whose change was refused."""
    if message.state == MessageState.TAKEN:
        whose = "you have taken it already" if message.owner == by else f"{message.owner} has taken it"
        hint = "release it first" if what == MessageAction.ANSWER else "answer or release it"
        return f"{what} is not possible: {whose}; {hint}"
    if message.state == MessageState.ANSWERED:
        return f"{what} is not possible: {message.owner} has answered it; reopen it first"
    return f"{what} is not possible: nobody has taken it; take it first"


def _record(connection: sa.Connection, message_id: str, what: MessageAction, by: str, note: str) -> None:
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
