"""Brings the database's schema to this program's revision; the first of several processes does it.

Until the first release there is one revision, ``initial``, which ``make migration`` generates from ``tables.py``.
Its name ends in a checksum of its statements.  A database of an earlier ``initial``, or from before the first
revision, is given the tables, columns and indexes that it lacks.  Nothing is removed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ivr.core.errors import StoreError
from ivr.store.migrations import HEAD
from ivr.store.tables import metadata
from ivr.store.time_limits import patient

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x4163_6375_6569_6C
"""The number of PostgreSQL's advisory lock ("Accueil" in ASCII)."""
LOCK_S = 60
"""Longest wait (seconds) for another process that migrates."""


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to ``HEAD``; raises StoreError when a later version of the program made it."""
    if _revision(engine) == HEAD:
        return
    with engine.connect() as connection:
        with patient(connection):
            _lock(connection)
            found = _revision_of(connection)
            if found != HEAD:  # no other process did it during the wait
                refuse_later(found)
                if found or sa.inspect(connection).has_table("events"):
                    _complete(connection)
                else:
                    _upgrade(connection)
        connection.commit()


def config(connection: sa.Connection | None = None) -> Any:
    """Alembic's configuration, made without a file, for migrations on ``connection``."""
    from alembic.config import Config  # it loads in a third of a second, and is seldom needed

    logging.getLogger("alembic").setLevel(logging.WARNING)
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _revision(engine: sa.Engine) -> str:
    """The database's revision; empty when it has none."""
    with engine.connect() as connection:
        return _revision_of(connection)


def _revision_of(connection: sa.Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _lock(connection: sa.Connection) -> None:
    """Lock out other migrations until the end of the transaction."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout={LOCK_S * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_S}s'")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def refuse_later(found: str) -> None:
    """Raise StoreError when a later version of the program made the revision ``found``."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found and found not in known and not found.startswith("initial"):
        raise StoreError(f"the database is of a later version (revision {found}): install that version")


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    command.upgrade(config(connection), "head")


def _complete(connection: sa.Connection) -> None:
    """Add what an older database lacks, then stamp it with this revision."""
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
    """The column with a default for the rows that exist."""
    value = column.default.arg if isinstance(column.default, sa.ColumnDefault) else None
    if not column.nullable and column.server_default is None:
        empty = "" if isinstance(column.type, sa.String) else "0"
        column.server_default = sa.DefaultClause(empty if value is None or callable(value) else str(value))
    return column
