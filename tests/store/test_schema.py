"""The schema: what the revisions make is what tables.py says, on both databases, whoever comes first."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ivr.core.errors import StoreError
from ivr.store import queries, rows, schema, tables
from ivr.store.database import Store
from ivr.store.migrations import HEAD
from ivr.store.tables import metadata
from ivr.store.writer import write
from tests.conftest import ROOT
from tests.store.calls import PSEUDONYMS, kept, stamped

OPEN = "import sys; from ivr.store.database import Store; Store(sys.argv[1]).connect().close()"


def differences(store: Store) -> list[object]:
    with store.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def revision(store: Store) -> str:
    with store.connect() as connection:
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


def test_the_revisions_make_what_tables_py_says(store: Store) -> None:
    assert differences(store) == [], "run `make migration`"
    assert revision(store) == HEAD


def test_there_is_one_newest_revision_and_it_is_the_one_named() -> None:
    assert ScriptDirectory.from_config(schema.config()).get_heads() == [HEAD]


def test_many_processes_that_begin_at_once_all_find_the_schema(database: str) -> None:
    opening = [
        subprocess.Popen([sys.executable, "-c", OPEN, database], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    errors = [process.communicate()[1] for process in opening]
    assert [process.returncode for process in opening] == [0] * 4, "".join(errors)
    store = Store(database)
    assert differences(store) == []
    store.close()


@pytest.mark.parametrize("stamp", ["", "initial_0123456789ab"], ids=["no revision", "an earlier initial one"])
def test_a_database_of_before_is_completed_and_keeps_what_is_in_it(database: str, stamp: str) -> None:
    store = Store(database)
    write(store, stamped(), PSEUDONYMS)
    with store.begin() as connection:
        connection.execute(sa.text("DROP TABLE turns"))
        connection.execute(sa.text("ALTER TABLE calls DROP COLUMN outcome"))
        connection.execute(sa.text("DELETE FROM alembic_version"))
        if stamp:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:stamp)"), {"stamp": stamp})
        else:
            connection.execute(sa.text("DROP TABLE alembic_version"))
    store.close()
    store = Store(database)
    assert differences(store) == [] and revision(store) == HEAD
    [row] = queries.recent_calls(store)
    assert (row.id, row.outcome, queries.turns_of(store, "c1")) == ("c1", "", [])
    assert queries.events_of(store, "c1") == kept(stamped())
    store.close()


def test_a_database_of_a_later_version_is_left_alone(database: str) -> None:
    store = Store(database)
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0042_later'"))
    with pytest.raises(StoreError, match="later version"):
        Store(database).connect()
    assert revision(store) == "0042_later"
    store.close()


def test_a_migration_that_fails_half_way_leaves_nothing(database: str) -> None:
    other = metadata.tables["messages"]
    engine = sa.create_engine(database)
    with engine.begin() as connection:  # in the way of the last table
        connection.execute(
            sa.schema.CreateTable(sa.Table(other.name, sa.MetaData(), sa.Column("x", sa.Text)))
        )
    with pytest.raises(sa.exc.DatabaseError):
        Store(database).connect()
    assert sa.inspect(engine).get_table_names() == ["messages"]
    engine.dispose()


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (tables.calls, rows.CallRow), (tables.events, rows.EventRow), (tables.turns, rows.TurnRow),
        (tables.messages, rows.MessageRow), (tables.message_changes, rows.MessageChangeRow),
        (tables.deliveries, rows.DeliveryRow), (tables.callbacks, rows.CallbackRow),
        (tables.callback_attempts, rows.CallbackAttemptRow),
    ],
)  # fmt: skip
def test_a_row_has_the_columns_of_its_table_in_their_order(table: sa.Table, row: type) -> None:
    assert [field.name for field in dataclasses.fields(row)] == table.columns.keys()
