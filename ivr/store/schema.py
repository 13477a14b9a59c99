"""The database's schema brought to this program's revision, once, whoever comes first.

Until the first release there is one revision, ``initial``, made anew from ``tables.py`` by ``make migration``; its
name ends in a sum of what it does.  A database made by an earlier ``initial`` (or before there were revisions) is
given the tables, columns and indexes that it lacks; nothing is taken away.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from ivr.core.errors import StoreError
from ivr.store.migrations import HEAD
from ivr.store.tables import metadata

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x4163_6375_6569_6C
"""Number of PostgreSQL's advisory lock ("Accueil")."""
LOCK_S = 60
"""Longest wait (seconds) for another process that is migrating."""


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to ``HEAD``; raises StoreError when the database is of a later version of the program."""
    if _revision(engine) == HEAD:
        return
    with engine.connect() as connection:
        _lock(connection)
        found = _revision_of(connection)
        if found != HEAD:  # nobody else did it while we waited
            _check(found)
            if found or sa.inspect(connection).has_table("events"):
                _complete(connection)
            else:
                _upgrade(connection)
        connection.commit()


def config(connection: sa.Connection | None = None) -> Any:
    """Alembic's configuration, which needs no file."""
    from alembic.config import Config  # takes a third of a second: only those who migrate wait for it

    logging.getLogger("alembic").setLevel(logging.WARNING)
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _revision(engine: sa.Engine) -> str:
    """The database's revision; empty when it has none yet."""
    with engine.connect() as connection:
        try:
            return _revision_of(connection)
        except DatabaseError:
            return ""  # no such table: or, if the database is away, the next question says so


def _revision_of(connection: sa.Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _lock(connection: sa.Connection) -> None:
    """One process at a time; given back at the end of the transaction."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout={LOCK_S * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def _check(found: str) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found and found not in known and not found.startswith("initial"):
        raise StoreError(f"the database is of a later version (revision {found}): install that version")


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    command.upgrade(config(connection), "head")


def _complete(connection: sa.Connection) -> None:
    """Add what a database of before the first release lacks, then call it this revision."""
    from alembic import command
    from alembic.autogenerate import produce_migrations
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.operations import ops as kinds

    context = MigrationContext.configure(connection)
    do = Operations(context)
    lacking = produce_migrations(context, metadata).upgrade_ops
    for step in lacking.ops if lacking is not None else ():
        for op in step.ops if isinstance(step, kinds.ModifyTableOps) else [step]:
            if isinstance(op, kinds.AddColumnOp):
                op.column = _filled(op.column)
            if isinstance(op, kinds.CreateTableOp | kinds.AddColumnOp | kinds.CreateIndexOp):
                do.invoke(op)
    command.stamp(config(connection), "head", purge=True)


def _filled(column: sa.Column[Any]) -> sa.Column[Any]:
    """The column with something to put into the rows that are there already."""
    value = column.default.arg if isinstance(column.default, sa.ColumnDefault) else None
    if not column.nullable and column.server_default is None:
        empty = "" if isinstance(column.type, sa.String) else "0"
        column.server_default = sa.DefaultClause(empty if value is None or callable(value) else str(value))
    return column
