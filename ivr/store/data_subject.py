"""All that the store holds of one telephone number: found, told, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ivr.core.pseudonyms import Pseudonyms, forms, written
from ivr.store import retention
from ivr.store.tables import callbacks, calls, events, messages, metadata

Row = dict[str, Any]
ERASED = "[erased]"


@dataclass(frozen=True)
class SubjectNumber:
    """A number, whichever way it is written: ``names`` it may stand under in the store, ``pattern`` in any file."""

    text: str = field(repr=False)
    country: str
    pseudonyms: Pseudonyms = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Pseudonyms and clear forms."""
        return [*self.pseudonyms.all_of(self.text, self.country), *forms(self.text, self.country)]

    @property
    def pattern(self) -> Any:
        """Finds it in bytes."""
        return written(self.text, self.country)


@dataclass(frozen=True)
class DataSubjectRecords:
    """Rows of one person, each with all its columns; ``events``, ``turns`` and ``changes`` hang on them."""

    calls: Sequence[Row]
    messages: Sequence[Row]
    callbacks: Sequence[Row]

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.calls or self.messages or self.callbacks)

    @property
    def held(self) -> list[str]:
        """Ids of calls that are under a legal hold."""
        return [row["id"] for row in self.calls if row["held"]]

    @property
    def running(self) -> list[str]:
        """Ids of calls that go on."""
        return [row["id"] for row in self.calls if not row["outcome"]]

    def files(self) -> list[str]:
        """Sound, relative to the state directory."""
        found = [row["recording"] for row in self.calls] + [row["file"] for row in self.messages]
        return [file for file in found if file]


def find(engine: sa.Engine, number: SubjectNumber) -> DataSubjectRecords:
    """What belongs to the number: calls from it, messages, callbacks to it, and the calls those came from."""
    with engine.connect() as connection:
        asked = _select(connection, callbacks, callbacks.c.number.in_(number.names))
        left = _select(connection, messages, messages.c.number.in_(number.names))
        named = {row["call_id"] for row in (*asked, *left)} - {None}
        ours = _select(connection, calls, calls.c.number.in_(number.names) | calls.c.id.in_(named))
        ids = [row["id"] for row in ours]
        left = _select(
            connection, messages, messages.c.number.in_(number.names) | messages.c.call_id.in_(ids)
        )
        asked = _select(
            connection, callbacks, callbacks.c.number.in_(number.names) | callbacks.c.call_id.in_(ids)
        )
    return DataSubjectRecords(ours, left, asked)


def told(engine: sa.Engine, found: DataSubjectRecords) -> Row:
    """All of it, for the person to read."""
    with engine.connect() as connection:
        return {
            "calls": [row | _parts(connection, "call_id", row["id"]) for row in found.calls],
            "messages": [row | _parts(connection, "message_id", row["id"]) for row in found.messages],
            "callbacks": [row | _parts(connection, "callback_id", row["id"]) for row in found.callbacks],
        }


def erase(engine: sa.Engine, found: DataSubjectRecords, number: SubjectNumber) -> int:
    """Delete it, but what is held; returns in how many other rows the number was mentioned, and is no more."""
    held = set(found.held)
    with engine.begin() as connection:
        for name in ("callbacks", "messages"):
            rows: Sequence[Row] = getattr(found, name)
            retention.delete(connection, name, [row["id"] for row in rows if row["call_id"] not in held])
        retention.delete(connection, "calls", [row["id"] for row in found.calls if row["id"] not in held])
        mentions = sum(_blot(connection, table, number, held) for table in metadata.sorted_tables)
    overwrite(engine)
    return mentions


def overwrite(engine: sa.Engine) -> None:
    """Give back the room of deleted rows, so that their bytes are gone too."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM")
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _select(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> list[Row]:
    return [dict(row) for row in connection.execute(sa.select(table).where(which)).mappings()]


def _parts(connection: sa.Connection, column: str, id: str) -> Row:
    """The rows of other tables that hang on one; the events as what they say."""
    found: Row = {}
    for table in metadata.sorted_tables:
        if column in table.c and table.name not in ("messages", "callbacks"):
            rows = _select(connection, table, table.c[column] == id)
            if rows:
                found[table.name] = [json.loads(row["body"]) for row in rows] if table is events else rows
    return found


def _blot(connection: sa.Connection, table: sa.Table, number: SubjectNumber, held: set[str]) -> int:
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
        changed = dict(_blotted(row, texts, number))
        if changed:
            keys = [column == row[column.name] for column in table.primary_key]
            connection.execute(table.update().where(*keys).values(**changed))
            count += 1
    return count


def _blotted(row: Any, texts: Sequence[sa.Column[Any]], number: SubjectNumber) -> Iterator[tuple[str, str]]:
    for column in texts:
        text = row[column.name]
        if text and number.pattern.search(text.encode()):
            yield column.name, number.pattern.sub(ERASED.encode(), text.encode()).decode()
