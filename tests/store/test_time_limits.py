"""A database that accepts and says nothing, or stops in mid-air, keeps nobody longer than its limits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from ivr.store import time_limits
from ivr.store.database import Store
from ivr.store.time_limits import CONNECT_S, LimitedConnection, patient
from tests.postgres import Server

ADDRESSES = (
    "postgresql+psycopg://accueil:pa%2Fss@127.0.0.1:{port}/accueil",  # as docker/secrets.sh writes it
    "postgresql://accueil:secret@localhost:{port}/accueil",
    "postgres://accueil@127.0.0.1:{port}/accueil?sslmode=prefer",
    "postgresql://accueil@127.0.0.1:{port}/accueil?connect_timeout=0",
    "postgresql://accueil@/accueil?host=127.0.0.1&port={port}",
    "postgresql+psycopg://accueil@127.0.0.1:{port}/accueil?options=-csearch_path%3Dpublic&keepalives=0",
)


@contextmanager
def silent() -> Iterator[int]:
    """The port of a socket that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_server_that_says_nothing_is_given_up() -> None:
    def asked(address: str) -> float:
        store, began = Store(address), time.monotonic()
        assert not store.answers()
        store.close()
        return time.monotonic() - began

    with silent() as port, ThreadPoolExecutor(len(ADDRESSES)) as threads:
        took = list(threads.map(asked, [address.format(port=port) for address in ADDRESSES]))
    assert max(took) < CONNECT_S + 4


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_has_every_limit(address: str, postgresql: Server) -> None:
    own = sa.make_url(postgresql.database())
    given = sa.make_url(address.format(port=own.port))
    url = given.set(
        drivername="postgresql+psycopg", username=own.username, password=own.password, database=own.database
    )
    engine = time_limits.engine_of(url)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, LimitedConnection) and driver.answer_s
        told = driver.info.get_parameters()
        assert int(told["connect_timeout"]) > 0 and int(told["tcp_user_timeout"]) > 0
        assert told.get("keepalives") != "0" and int(told["keepalives_idle"]) > 0
        assert connection.scalar(sa.text("SHOW statement_timeout")) == f"{time_limits.STATEMENT_S}s"
        with patient(connection):
            assert connection.scalar(sa.text("SHOW statement_timeout")) == "0" and driver.answer_s is None
        assert connection.scalar(sa.text("SHOW statement_timeout")) == f"{time_limits.STATEMENT_S}s"
    engine.dispose()


def test_limits_that_an_address_sets_itself_are_kept(postgresql: Server) -> None:
    limits = "?connect_timeout=2&options=-cstatement_timeout%3D7s&keepalives_idle=30"
    store = Store(postgresql.database() + limits)
    with store.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, LimitedConnection)
        told = driver.info.get_parameters()
        assert (told["connect_timeout"], told["keepalives_idle"]) == ("2", "30")
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "7s"
    store.close()


def test_a_server_that_stops_in_mid_air_is_given_up_and_used_again_later(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LimitedConnection, "answer_s", 1.0)
    store = Store(postgresql.database())
    assert store.answers()
    postgresql.pause()
    try:
        began = time.monotonic()
        with pytest.raises(OperationalError), store.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert time.monotonic() - began < 1.0 + CONNECT_S + 2
    finally:
        postgresql.resume()
    assert store.answers()
    store.close()
