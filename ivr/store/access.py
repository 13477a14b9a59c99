"""The database as a command opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from ivr.core.settings import Settings
from ivr.store.database import open_store
from ivr.store.journal import Journal


def store(settings: Settings) -> Engine:
    """The database, with what earlier processes left in the spool."""
    journal = Journal(settings.state_dir.spool, settings.database, settings.pseudonyms)
    journal.drain()
    journal.close()
    return open_store(settings.database)


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """The same for a while: its connections are closed afterwards."""
    engine = store(settings)
    try:
        yield engine
    finally:
        engine.dispose()
