"""All that the store holds of one telephone number: found, exported, erased."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from ivr.core.pseudonyms import Pseudonyms, forms, written
from ivr.store import retention
from ivr.store.database import Store
from ivr.store.rows import CallbackRow, CallRow, MessageRow
from ivr.store.tables import callbacks, calls, events, messages, metadata
from ivr.store.time_limits import patient

ERASED = "[erased]"


@dataclass(frozen=True)
class SubjectNumber:
    """A telephone number in any spelling; ``country``: the country code of national numbers, for example ``+33``."""

    text: str = field(repr=False)
    country: str
    pseudonyms: Pseudonyms = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Under what the number may stand in the store: its pseudonyms and its clear forms."""
        return [*self.pseudonyms.all_of(self.text, self.country), *forms(self.text, self.country)]

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """Finds the number in the bytes of any file."""
        return written(self.text, self.country)


@dataclass(frozen=True)
class DataSubjectRecords:
    """The rows of one person; ``events``, ``turns`` and ``changes`` belong to them."""

    calls: Sequence[CallRow]
    messages: Sequence[MessageRow]
    callbacks: Sequence[CallbackRow]

    @property
    def held(self) -> list[str]:
        """Ids of calls that are under a legal hold."""
        return [row.id for row in self.calls if row.held]

    @property
    def running(self) -> list[str]:
        """Ids of calls that go on."""
        return [row.id for row in self.calls if not row.outcome]

    def files(self) -> list[str]:
        """The audio files, relative to the state directory."""
        found = [row.recording for row in self.calls] + [row.file for row in self.messages]
        return [file for file in found if file]


def find(store: Store, number: SubjectNumber) -> DataSubjectRecords:
    """What belongs to the number: calls from it, messages, callbacks to it, and the calls in which those began."""
    call_names, message_names, callback_names = (
        table.c.number.in_(number.names) for table in (calls, messages, callbacks)
    )
    asked = store.rows(CallbackRow, sa.select(callbacks).where(callback_names))
    left = store.rows(MessageRow, sa.select(messages).where(message_names))
    named = {row.call_id for row in asked} | {row.call_id for row in left}
    made = store.rows(CallRow, sa.select(calls).where(call_names | calls.c.id.in_(named - {None})))
    ids = [row.id for row in made]
    left = store.rows(MessageRow, sa.select(messages).where(message_names | messages.c.call_id.in_(ids)))
    asked = store.rows(CallbackRow, sa.select(callbacks).where(callback_names | callbacks.c.call_id.in_(ids)))
    return DataSubjectRecords(made, left, asked)


def export(store: Store, found: DataSubjectRecords) -> dict[str, Any]:
    """All of it as JSON values, for the person to read."""
    with store.connect() as connection:
        return {
            "calls": [asdict(row) | _parts(connection, "call_id", row.id) for row in found.calls],
            "messages": [asdict(row) | _parts(connection, "message_id", row.id) for row in found.messages],
            "callbacks": [asdict(row) | _parts(connection, "callback_id", row.id) for row in found.callbacks],
        }


def erase(store: Store, found: DataSubjectRecords, number: SubjectNumber) -> int:
    """Delete all of it but what is under a legal hold, and redact the number in other rows.

    Returns in how many other rows the number stood.
    """
    held = set(found.held)
    asked = [row.id for row in found.callbacks if row.call_id not in held]
    left = [row.id for row in found.messages if row.call_id not in held]
    with store.begin() as connection:
        retention.delete(connection, "callbacks", asked)
        retention.delete(connection, "messages", left)
        retention.delete(connection, "calls", [row.id for row in found.calls if row.id not in held])
        mentions = sum(_redact(connection, table, number, held) for table in metadata.sorted_tables)
    overwrite(store)
    return mentions


def overwrite(store: Store) -> None:
    """Give back the space of deleted rows, so that their bytes are gone too."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with patient(connection):
            connection.exec_driver_sql("VACUUM")
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _parts(connection: sa.Connection, column: str, id: str) -> dict[str, Any]:
    """The rows of other tables that belong to one row; of events, their JSON."""
    found: dict[str, Any] = {}
    for table in metadata.sorted_tables:
        if column in table.c and table.name not in ("messages", "callbacks"):
            chosen = sa.select(table).where(table.c[column] == id)
            rows = [dict(row) for row in connection.execute(chosen).mappings()]
            if rows:
                found[table.name] = [json.loads(row["body"]) for row in rows] if table is events else rows
    return found


def _redact(connection: sa.Connection, table: sa.Table, number: SubjectNumber, held: set[str]) -> int:
    """Replace the number wherever a text of this table mentions it; returns in how many rows."""
    texts = [
        column for column in table.columns if isinstance(column.type, sa.String) and not column.primary_key
    ]
    if not texts:
        return 0
    count = 0
    for row in connection.execute(sa.select(table)).mappings():
        if row.get("call_id", row.get("id")) in held:
            continue
        changed = dict(_redacted(row, texts, number))
        if changed:
            keys = [column == row[column.name] for column in table.primary_key]
            connection.execute(table.update().where(*keys).values(**changed))
            count += 1
    return count


def _redacted(
    row: Mapping[Any, Any], texts: Sequence[sa.Column[Any]], number: SubjectNumber
) -> Iterator[tuple[str, str]]:
    for column in texts:
        text = row[column.name]
        if text and number.pattern.search(text.encode()):
            yield column.name, number.pattern.sub(ERASED.encode(), text.encode()).decode()
