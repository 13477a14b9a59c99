"""Both databases: every test that asks for ``database`` runs on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.store.database import Store
from tests.postgres import Server, server

Databases = Callable[[], str]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests of a run."""
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ivr.sqlite'}"
        return
    running: Server = request.getfixturevalue("postgresql")
    address = running.database()
    yield address
    running.drop(address)


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A handle of that database."""
    opened = Store(database)
    yield opened
    opened.close()
