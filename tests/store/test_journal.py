"""The journal: an event that was taken is stored exactly once, whatever dies, whatever is away."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ivr.core.events import CallStarted, Fault, KeyPressed, Said, Stamped
from ivr.store.database import Store
from ivr.store.journal import WAITING, Journal
from ivr.store.queries import events_of
from tests.conftest import ROOT
from tests.store.calls import PSEUDONYMS, kept, stamped


@pytest.fixture
def journal(tmp_path: Path, store: Store) -> Iterator[Journal]:
    opened = Journal(tmp_path / "spool", store, PSEUDONYMS)
    yield opened
    opened.close()


def stored(store: Store, call_id: str = "c1") -> list[Stamped]:
    return events_of(store, call_id)


def test_what_is_appended_is_in_the_file_at_once_and_in_the_database_after_a_drain(
    journal: Journal, store: Store
) -> None:
    for item in stamped():
        journal.append(item)
    assert len(journal.path.read_bytes().splitlines()) == len(stamped())
    assert stored(store) == []
    assert journal.drain()
    assert stored(store) == kept(stamped())


def test_draining_again_stores_nothing_twice(journal: Journal, store: Store) -> None:
    for item in stamped():
        journal.append(item)
        journal.drain()
    assert stored(store) == kept(stamped())


def test_a_journal_that_is_stored_leaves_no_file(journal: Journal) -> None:
    journal.append(stamped()[0])
    journal.drain()
    journal.close()
    assert list(journal.folder.iterdir()) == []


def test_a_journal_that_is_not_stored_stays_for_the_next_process(journal: Journal, store: Store) -> None:
    journal.append(stamped()[0])
    journal.close()
    successor = Journal(journal.folder, store, PSEUDONYMS)
    successor.drain()
    successor.close()
    assert stored(store) == kept(stamped()[:1]) and list(journal.folder.iterdir()) == []


def test_the_file_of_a_process_that_lives_is_left_to_it(journal: Journal, store: Store) -> None:
    journal.append(stamped()[0])
    other = Journal(journal.folder, store, PSEUDONYMS)
    other.drain()
    other.close()
    assert stored(store) == [] and journal.path.exists()


def test_a_line_that_is_being_written_is_waited_for(journal: Journal, store: Store) -> None:
    journal.append(stamped()[0])
    line = journal.path.read_bytes()
    with journal.path.open("ab") as half:
        half.write(line.replace(b'"c1"', b'"c2"')[:40])
    journal.drain()
    assert stored(store, "c2") == []
    with journal.path.open("ab") as rest:
        rest.write(line.replace(b'"c1"', b'"c2"')[40:])
    journal.drain()
    assert len(stored(store, "c2")) == 1


def test_a_line_that_is_no_event_is_logged_and_holds_up_nobody(
    journal: Journal, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for garbage in (b"no json\n", b"[]\n", b'{"kind": "nonsense"}\n', b"\xff\xfe\n", b"\n"):
        with journal.path.open("ab") as file:
            file.write(garbage)
        journal.append(stamped()[0])
    assert journal.drain()
    assert stored(store) == kept(stamped()[:1])
    assert len([record for record in caplog.records if "is not an event" in record.getMessage()]) == 4


def test_an_event_that_the_database_refuses_is_logged_and_holds_up_nobody(
    journal: Journal, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    refuse = {
        "sqlite": "CREATE TRIGGER no_keys BEFORE INSERT ON events WHEN new.kind = 'key'"
        " BEGIN SELECT RAISE(ABORT, 'no_keys'); END",
        "postgresql": "ALTER TABLE events ADD CONSTRAINT no_keys CHECK (kind <> 'key')",
    }
    with store.begin() as connection:
        connection.execute(sa.text(refuse[store.engine.dialect.name]))
    happened = stamped("c1", CallStarted("", "", "w"), KeyPressed("1"), Said("a", "a", "fr", 0, 1, 1, False))
    for item in happened:
        journal.append(item)
    assert journal.drain()
    assert stored(store) == [happened[0], happened[2]]
    assert "ALARM" in caplog.text and "no_keys" in caplog.text


def test_a_database_that_is_away_loses_nothing_and_comes_back(tmp_path: Path) -> None:
    away = tmp_path / "not" / "there"
    store = Store(f"sqlite:///{away / 'ivr.sqlite'}")
    journal = Journal(tmp_path / "spool", store, PSEUDONYMS)
    for item in stamped():
        journal.append(item)
    assert journal.drain() is False
    away.mkdir(parents=True)
    assert journal.drain() is True
    journal.close()
    assert stored(store) == kept(stamped())
    store.close()


@pytest.mark.virtual_time
async def test_the_task_drains_twice_a_second_and_once_more_at_its_end(tmp_path: Path, store: Store) -> None:
    journal = Journal(tmp_path / "spool", store, PSEUDONYMS)
    running = asyncio.create_task(journal.run())
    journal.append(stamped()[0])
    await asyncio.sleep(2.0)
    assert stored(store) == kept(stamped()[:1])
    journal.append(stamped()[1])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert stored(store) == kept(stamped()[:2])


# processes that die, disks that are full


def writing(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.writing", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


@pytest.mark.parametrize("events_before", [1, 777])
def test_kill_9_in_mid_write_loses_nothing_and_doubles_nothing(
    tmp_path: Path, store: Store, database: str, events_before: int
) -> None:
    spool = tmp_path / "spool"
    process = writing(str(spool), database)
    assert process.stdout is not None and process.stderr is not None
    taken = [int(process.stdout.readline()) for _ in range(events_before)]
    process.kill()
    taken += [int(line) for line in process.stdout.read().splitlines()]
    assert process.stderr.read() == "" and process.wait() == -9
    process.stdout.close(), process.stderr.close()
    survivor = Journal(spool, store, PSEUDONYMS)
    assert survivor.drain()
    survivor.close()
    numbers = [item.seq for item in stored(store)]
    assert numbers[: len(taken)] == taken, "an event that was taken is lost, or out of order"
    assert len(numbers) <= len(taken) + 1, "only the one in progress may come on top"
    assert len(numbers) == len(set(numbers))
    assert list(spool.iterdir()) == []


def test_what_a_full_disk_does_not_take_waits_and_is_stored_in_order(
    tmp_path: Path, store: Store, database: str
) -> None:
    """Events 100 to 199 find room for 1,000 bytes only, so that one of them is cut in the middle."""
    process = writing(str(tmp_path / "spool"), database, "1000")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert log.count("events wait in memory") == log.count("there is room again") == 1
    assert "being lost" not in log
    assert [item.seq for item in stored(store)] == list(range(300))


def test_a_full_disk_takes_the_oldest_when_too_many_wait(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path, store, PSEUDONYMS)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        for number in range(WAITING + 30):
            journal.append(Stamped("c1", number, 0.0, Fault("test", "")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caplog.text.count("ALARM: events are being lost") == 1
    assert journal.drain()
    journal.close()
    assert [item.seq for item in stored(store)] == list(range(30, WAITING + 30))
