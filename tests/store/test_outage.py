"""Nothing lost, nothing doubled, order kept: over a writer that is killed again and again, and a database away."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import pytest

from ivr.store import queries
from ivr.store.database import Store
from ivr.store.journal import Journal
from tests.postgres import server
from tests.store.calls import PSEUDONYMS
from tests.store.outage import outage
from tests.store.test_journal import writing

pytestmark = pytest.mark.slow

KILLS = 8


def test_a_writer_killed_at_random_points_loses_and_doubles_nothing(
    tmp_path: Path, store: Store, database: str
) -> None:
    """It is killed while it appends and while it stores; its successor goes on after what was taken."""
    chance, spool, taken = random.Random(5), tmp_path / "spool", 0
    for _ in range(KILLS):
        process = writing(str(spool), database, "", str(taken))
        assert process.stdout is not None and process.stderr is not None
        for _ in range(chance.randrange(1, 250)):
            taken = int(process.stdout.readline()) + 1
        process.kill()
        for line in process.stdout.read().splitlines():
            taken = int(line) + 1
        assert process.wait() == -signal.SIGKILL and process.stderr.read() == ""
        process.stdout.close(), process.stderr.close()
    survivor = Journal(spool, store, PSEUDONYMS)
    assert survivor.drain()
    survivor.close()
    numbers = [item.seq for item in queries.events_of(store, "c1")]
    assert numbers[:taken] == list(range(taken)) and len(numbers) in (taken, taken + 1)
    assert list(spool.iterdir()) == []


def test_a_database_stopped_under_calls_gets_all_of_them_in_order(tmp_path: Path) -> None:
    """20 s away under 200 calls a minute: as many events as in five minutes at 10 calls and more."""
    with server() as running:
        found = outage(running, tmp_path / "spool", per_minute=200, before_s=2, away_s=20)
    assert found.taken_in_outage > 500 and len(found.taken) > 50
    assert found.faults == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_call_does_not_wait_for_a_database_that_hangs(tmp_path: Path) -> None:
    """The server is stopped in mid-air (SIGSTOP): no refusal, no answer.  Events are taken all the same."""
    with server() as running:
        address = running.database()
        store = Store(address)
        store.connect().close()
        running.pause()
        try:
            process: subprocess.Popen[str] = writing(str(tmp_path / "spool"), address, "hang")
            assert process.stdout is not None and process.stderr is not None
            taken = [int(process.stdout.readline()) for _ in range(1000)]
            process.kill()
            process.wait()
            process.stdout.close(), process.stderr.close()
        finally:
            running.resume()
        survivor = Journal(tmp_path / "spool", store, PSEUDONYMS)
        assert survivor.drain()
        survivor.close()
        assert [item.seq for item in queries.events_of(store, "c1")][:1000] == taken
        store.close()
