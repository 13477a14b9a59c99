"""Opening the database: SQLite or PostgreSQL by address."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import event

from ivr.store.schema import migrate


def open_store(address: str) -> sa.Engine:
    """An engine with the schema of this version there; two processes may begin at the same time.

    SQLite in WAL mode: readers do not wait for the writer.  Raises StoreError when the database is of a later
    version, SQLAlchemyError when it is away.
    """
    # an error must not tell the log what a caller said
    engine = sa.create_engine(_with_driver(address), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_settings)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _with_driver(address: str) -> sa.URL:
    """``postgresql://...`` means the driver that is installed."""
    url = sa.make_url(address)
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def _sqlite_settings(connection, _record) -> None:  # type: ignore[no-untyped-def]  # a driver's connection
    connection.execute("PRAGMA busy_timeout=5000")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
