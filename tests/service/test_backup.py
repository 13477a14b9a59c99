"""Archives of ``ivr backup`` are whole while everything is written, and ``ivr restore`` loses nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ivr.core.errors import IvrError, SetupError, StoreError, UsageError
from ivr.core.settings import Settings, load
from ivr.service import takeover
from ivr.service.backup import backup, restore
from ivr.store.database import Store

WRITER = """
import itertools, pathlib, sqlite3, sys
database, spool, voicemail = sys.argv[1:]
with sqlite3.connect(database, timeout=30) as store:
    store.execute("CREATE TABLE IF NOT EXISTS messages_of_the_test (number INTEGER, text TEXT)")
for number in itertools.count():
    waiting = pathlib.Path(spool, f"{number}.wav")
    waiting.write_bytes(b"m" * 2000)
    with sqlite3.connect(database, timeout=30) as store:
        store.execute("INSERT INTO messages_of_the_test VALUES (?, ?)", (number, "x" * 2000))
    waiting.rename(pathlib.Path(voicemail, waiting.name))
"""


@pytest.fixture
def office(tmp_path: Path) -> Settings:
    """An instance with a store, a message and advisers' states."""
    root = tmp_path / "root"
    (root / "dialplans").mkdir(parents=True)
    (root / "dialplans/callflow.yml").write_text("edited", "utf-8")
    settings = dataclasses.replace(load({}, root), database_url="")
    for folder in (settings.state_dir.voicemail, settings.pbx / "spool", settings.pbx / "lib"):
        folder.mkdir(parents=True)
    store = Store(settings.database)
    assert store.answers()
    store.close()
    (settings.state_dir.voicemail / "kept.wav").write_bytes(b"message")
    with contextlib.closing(sqlite3.connect(settings.pbx / "lib/astdb.sqlite3")) as states, states:
        states.execute("CREATE TABLE astdb (key TEXT, value TEXT)")
        states.execute("INSERT INTO astdb VALUES ('paused', '1')")
    return settings


def test_each_archive_under_writing_restores_whole(office: Settings, tmp_path: Path) -> None:
    voicemail, spool = office.state_dir.voicemail, office.pbx / "spool"
    command = [sys.executable, "-c", WRITER, str(office.state_dir.database), str(spool), str(voicemail)]
    archives = [tmp_path / f"{number}.tar" for number in range(4)]
    with subprocess.Popen(command) as writer:
        try:
            for archive in archives:
                backup(office, archive)
            assert writer.poll() is None
        finally:
            writer.kill()
    for archive in archives:
        restore(office, archive)
        assert archive.stat().st_mode & 0o777 == 0o600
        with contextlib.closing(sqlite3.connect(office.state_dir.database)) as store:
            assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        files = {int(path.stem) for path in (*spool.glob("*"), *voicemail.glob("[0-9]*.wav"))}
        assert files == set(range(len(files))), "a message that moved is in neither copy"


def test_a_restore_brings_back_states_and_keeps_what_was_there(office: Settings, tmp_path: Path) -> None:
    backup(office, tmp_path / "a.tar")
    kept = office.state_dir.voicemail / "kept.wav"
    kept.write_bytes(b"later")
    (office.pbx / "lib/astdb.sqlite3").unlink()
    restore(office, tmp_path / "a.tar")
    assert kept.read_bytes() == b"message"
    with contextlib.closing(sqlite3.connect(office.pbx / "lib/astdb.sqlite3")) as states:
        assert states.execute("SELECT value FROM astdb").fetchone() == ("1",)
    [former] = office.state.parent.glob("*.before-restore-*/voicemail/kept.wav")
    assert former.read_bytes() == b"later"
    assert (office.root / "dialplans/callflow.yml").read_text("utf-8") == "edited"


def test_a_running_service_is_not_restored_over(office: Settings, tmp_path: Path) -> None:
    backup(office, tmp_path / "a.tar")
    with takeover.only_one(office), pytest.raises(SetupError, match="runs already"):
        restore(office, tmp_path / "a.tar")


def _torn(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])


def _changed(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes().replace(b"message", b"mistake"))


def _foreign(archive: Path) -> None:
    with tarfile.open(archive, "w") as other:
        other.add(__file__, arcname="manifest.json")


def _with_link(archive: Path) -> None:
    with tarfile.open(archive, "a") as other:
        link = tarfile.TarInfo("state/leads-out")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        other.addfile(link)


def _empty(archive: Path) -> None:
    archive.write_bytes(b"")


@pytest.mark.parametrize("harm", [_torn, _changed, _foreign, _with_link, _empty, Path.unlink])
def test_a_wrong_archive_changes_nothing(office: Settings, tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]  # functions of a path
    archive = tmp_path / "a.tar"
    backup(office, archive)
    harm(archive)
    with pytest.raises(UsageError) as refused:
        restore(office, archive)
    assert "\n" not in str(refused.value)
    assert (office.state_dir.voicemail / "kept.wav").read_bytes() == b"message"
    assert not list(office.state.parent.glob("*before-restore*"))


def test_a_database_of_a_later_version_is_refused(office: Settings, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(office.state_dir.database)) as store, store:
        store.execute("UPDATE alembic_version SET version_num = '9999_later'")
    with pytest.raises(StoreError, match="later version"):
        backup(office, tmp_path / "a.tar")
    assert list(tmp_path.glob("*.tar")) == []


def test_an_archive_is_never_replaced(office: Settings, tmp_path: Path) -> None:
    backup(office, tmp_path / "a.tar")
    with pytest.raises(IvrError, match="exists"):
        backup(office, tmp_path / "a.tar")
