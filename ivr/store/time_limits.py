"""Time limits of a database: no connection attempt, question or silent server may keep a thread for ever.

PostgreSQL's own limits come first, since they give clear errors.  A server that is stopped keeps none of them: its
machine acknowledges every packet.  So the client gives up by itself as well, and closes the connection.

Source: https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from sqlalchemy import event

CONNECT_S: Final = 3
"""Seconds that connecting to one address may take."""
STATEMENT_S: Final = 20
"""Seconds after which PostgreSQL ends a statement."""
ANSWER_S: Final = 25.0
"""Seconds that a connection may take to answer; PostgreSQL's own limit comes first."""
SILENT_S: Final = 8.0
"""The same for a short question, to see whether the database is there."""
BUSY_S: Final = 5
"""Seconds that SQLite waits for another process's lock."""
POOL_S: Final = 5.0
"""Seconds to wait for a connection that another thread uses."""
TCP: Final = {
    "connect_timeout": CONNECT_S,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds until unacknowledged data ends the connection
}
"""What libpq is told, unless the address has a value of its own."""
ENDLESS: Final = ("", "0", "-1")
"""Values of an address that would switch a limit off; ours takes their place."""


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that gives up when the server does not answer in time.

    answer_s: seconds that it may take; None for work that takes long, see ``patient``.
    """

    answer_s: float | None = ANSWER_S

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer as psycopg does; raises OperationalError, and closes, when none comes in time."""
        limit = self.answer_s if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if timeout is None and self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # what it answers later would be taken for the answer to the next question
            raise


def engine_of(url: sa.URL) -> sa.Engine:
    """An engine for the database at ``url``, with all limits.

    Error messages hold no parameters, since these may be a caller's words.
    """
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_S})
        event.listen(engine, "connect", _sqlite_settings)
        return engine
    given = {name for name, value in url.query.items() if value not in ENDLESS}
    url = url.difference_update_query([name for name in url.query if name in TCP and name not in given])
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_timeout=POOL_S,
        connect_args={name: value for name, value in TCP.items() if name not in given},
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _limit_statements)
    return engine


@contextmanager
def patient(connection: sa.Connection) -> Iterator[None]:
    """Lift the limits of statements for the block: a migration, or a clean-up of the whole database."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, LimitedConnection):
        yield
        return
    limit = connection.scalar(sa.text("SHOW statement_timeout"))
    connection.exec_driver_sql("SET statement_timeout = 0")
    driver.answer_s = None
    try:
        yield
    finally:
        del driver.answer_s
        if not driver.broken and not driver.closed:
            connection.execute(
                sa.text("SELECT set_config('statement_timeout', :limit, false)"), {"limit": limit}
            )


def _connect(_dialect, _record, arguments, parameters):  # type: ignore[no-untyped-def]  # SQLAlchemy's event
    return LimitedConnection.connect(*arguments, **parameters)


def _limit_statements(connection, _record) -> None:  # type: ignore[no-untyped-def]  # a driver's connection
    """Limit statements, unless the address, the role or the database has a limit of its own.

    A statement does it, and no parameter of the connection: poolers such as PgBouncer refuse unknown parameters.
    """
    connection.execute(
        "SELECT set_config('statement_timeout', %s, false) WHERE current_setting('statement_timeout') = '0'",
        (f"{STATEMENT_S}s",),
    )
    connection.commit()


def _sqlite_settings(connection, _record) -> None:  # type: ignore[no-untyped-def]  # a driver's connection
    connection.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
