"""What retention removes from the store.

A call that is held keeps everything.  ``before`` is in seconds since 1970 in every function.  Each returns what it
removed: the files that its caller has to delete, or a count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from ivr.core.errors import UsageError
from ivr.core.pseudonyms import Pseudonyms, is_pseudonym
from ivr.store import queries
from ivr.store.database import Store
from ivr.store.rows import CallRow
from ivr.store.states import CallbackState, MessageState
from ivr.store.tables import callbacks, calls, events, labels, message_changes, messages, metadata, turns

WORDS = ("text", "digit")
"""Fields of events that hold what was said or keyed in."""


def hold(store: Store, call_id: str, why: str) -> str:
    """Keep a call at any age, and return its id.

    ``call_id``: the id or a unique beginning of it; ``why``: the reason, empty to hold the call no longer.  Raises
    UsageError when there is no such call.
    """
    found = queries.call(store, call_id)
    if found is None:
        raise UsageError(f"no call {call_id}: see `ivr calls`")
    with store.begin() as connection:
        connection.execute(calls.update().where(calls.c.id == found.id).values(held=why[:255]))
    return found.id


def held(store: Store) -> list[CallRow]:
    """The calls that are held."""
    return store.rows(CallRow, sa.select(calls).where(calls.c.held != ""))


def recordings(store: Store, before: float, instance: str) -> list[str]:
    """Remove the recordings of calls that began earlier; returns their files, on the disk of this ``instance``."""
    old = (calls.c.started < before) & (calls.c.held == "") & (calls.c.recording != "")
    with store.connect() as connection:
        found = connection.scalars(sa.select(calls.c.id).where(old)).all()
    return _without_recording(store, [call_id for call_id in found if queries.is_of(call_id, instance)])


def _without_recording(store: Store, ids: Iterable[str]) -> list[str]:
    """Remove the mention of the recordings of these calls; returns their files."""
    files: list[str] = []
    with store.begin() as connection:
        for call_id in ids:
            files += connection.scalars(sa.select(calls.c.recording).where(calls.c.id == call_id))
            connection.execute(calls.update().where(calls.c.id == call_id).values(recording=""))
            kept = (events.c.call_id == call_id) & (events.c.kind == "recording-kept")
            connection.execute(events.delete().where(kept))
    return files


def oldest_recording(store: Store, instance: str) -> str:
    """Remove the recording of the earliest call that is not held; returns its file, empty when there is none."""
    chosen = sa.select(calls.c.started, calls.c.id).where(calls.c.held == "", calls.c.recording != "")
    with store.connect() as connection:
        rows = connection.execute(chosen.order_by(calls.c.started)).all()
    oldest = next((row for row in rows if queries.is_of(row.id, instance)), None)
    return _without_recording(store, [oldest.id])[0] if oldest is not None else ""


def left_messages(store: Store, before: float, instance: str) -> list[str]:
    """Delete messages that were left earlier, in any state; returns their files, on the disk of this ``instance``."""
    held_calls = sa.select(calls.c.id).where(calls.c.held != "")
    free = sa.or_(messages.c.call_id.is_(None), messages.c.call_id.not_in(held_calls))
    chosen = sa.select(messages.c.id, messages.c.call_id, messages.c.file)
    with store.begin() as connection:
        old = connection.execute(chosen.where(messages.c.left_at < before, free)).all()
        found = [row for row in old if queries.is_of(row.call_id or "", instance)]
        for row in found:
            delete(connection, "messages", [row.id])
    return [row.file for row in found]


def words(store: Store, before: float) -> int:
    """Blank what was said in calls that began earlier; returns how many calls."""
    old = (calls.c.started < before) & (calls.c.held == "") & (calls.c.wordless == 0)
    with store.begin() as connection:
        found = list(connection.scalars(sa.select(calls.c.id).where(old)))
        for call_id in found:
            blank(connection, call_id)
    return len(found)


def whole_calls(store: Store, before: float) -> int:
    """Delete calls that began earlier, and callbacks that ended earlier; returns how many calls.

    All that belongs to a call goes with it, except its messages.
    """
    old = (calls.c.started < before) & (calls.c.held == "")
    ended = callbacks.c.state.in_((CallbackState.DONE, CallbackState.CLOSED)) & (
        callbacks.c.ended_at < before
    )
    with store.begin() as connection:
        delete(connection, "callbacks", list(connection.scalars(sa.select(callbacks.c.id).where(ended))))
        found = list(connection.scalars(sa.select(calls.c.id).where(old)))
        delete(connection, "calls", found)
    return len(found)


def numbers(store: Store, before: float, pseudonyms: Pseudonyms) -> int:
    """Replace the clear numbers of messages answered and callbacks ended earlier by pseudonyms; returns how many."""
    touched = sa.select(sa.func.max(message_changes.c.at)).where(
        message_changes.c.message_id == messages.c.id
    )
    answered = (messages.c.state == MessageState.ANSWERED) & (touched.scalar_subquery() < before)
    settled = callbacks.c.state.in_((CallbackState.DONE, CallbackState.CLOSED)) & (
        callbacks.c.ended_at < before
    )
    count = 0
    with store.begin() as connection:
        for table, over in ((messages, answered), (callbacks, settled)):
            for row in connection.execute(sa.select(table.c.id, table.c.number).where(over)).all():
                if row.number and not is_pseudonym(row.number):
                    pseudonym = {"number": pseudonyms.of(row.number)}
                    connection.execute(table.update().where(table.c.id == row.id).values(**pseudonym))
                    count += 1
    return count


def blank(connection: sa.Connection, call_id: str) -> None:
    """Remove the words from a call's events and turns, and its labels, which are words too."""
    chosen = sa.select(events.c.seq, events.c.body).where(events.c.call_id == call_id)
    for row in connection.execute(chosen).all():
        body: dict[str, Any] = json.loads(row.body)
        if any(body.get(name) for name in WORDS):
            body |= {name: "" for name in WORDS if name in body}
            this = (events.c.call_id == call_id) & (events.c.seq == row.seq)
            connection.execute(events.update().where(this).values(body=json.dumps(body, ensure_ascii=False)))
    connection.execute(turns.update().where(turns.c.call_id == call_id).values(heard="", answer_text=""))
    connection.execute(labels.delete().where(labels.c.call_id == call_id))
    connection.execute(calls.update().where(calls.c.id == call_id).values(wordless=1))


def delete(connection: sa.Connection, table: str, ids: Iterable[str]) -> None:
    """Delete the rows of ``table`` with these ids, and the rows of other tables that are a part of them.

    A row that only mentions one of them stays, without the mention: a message names its call in a nullable column.
    """
    wanted = list(ids)
    if not wanted:
        return
    target = metadata.tables[table]
    for other in metadata.sorted_tables:
        column = other.c.get(f"{table.removesuffix('s')}_id")
        if column is None or other is target:
            continue
        parts = column.in_(wanted)
        if column.nullable:
            connection.execute(other.update().where(parts).values({column.name: None}))
        elif "id" in other.c:
            delete(connection, other.name, list(connection.scalars(sa.select(other.c.id).where(parts))))
        else:
            connection.execute(other.delete().where(parts))
    connection.execute(target.delete().where(target.c.id.in_(wanted)))
