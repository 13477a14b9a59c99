"""The database as one process uses it: SQLite or PostgreSQL, by address."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ivr.store.schema import migrate
from ivr.store.time_limits import engine_of

R = TypeVar("R")


class Store:
    """One process's handle of the database.  Every function of this package that asks or changes something takes it.

    Making a handle connects to nothing, so that a process starts while the database is away.  The first use connects
    and brings the schema to this version.  Connections are kept between uses, and threads may share the handle.
    """

    def __init__(self, address: str) -> None:
        """``address``: a database URL, for example ``sqlite:////var/lib/accueil/ivr.sqlite``."""
        self._engine = engine_of(_with_driver(address))
        self._checked = False
        self._checking = threading.Lock()

    @property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine, on a database with this version's schema.

        Raises StoreError when the database is of a later version, SQLAlchemyError when it is away.
        """
        with self._checking:
            if not self._checked:
                try:
                    migrate(self._engine)
                except BaseException:
                    self._engine.dispose()
                    raise
                self._checked = True
        return self._engine

    def connect(self) -> sa.Connection:
        """A connection for questions; raises what ``engine`` raises."""
        return self.engine.connect()

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a transaction, which is committed at the end of the block and rolled back on an error."""
        return self.engine.begin()

    def rows(self, row: type[R], statement: sa.Select[Any]) -> list[R]:
        """The result of ``statement``, whose columns are the fields of the dataclass ``row``."""
        with self.connect() as connection:
            return [row(**found) for found in connection.execute(statement).mappings()]

    def answers(self) -> bool:
        """Whether the database answers now."""
        try:
            with self.connect() as connection:
                connection.execute(sa.select(1))
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Close the connections.  The next use opens them again, and checks the schema anew."""
        self._engine.dispose()
        self._checked = False


def _with_driver(address: str) -> sa.URL:
    """``postgresql://...`` means the driver that is installed."""
    url = sa.make_url(address)
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url
