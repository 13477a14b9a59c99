"""On a disk that fills, recordings go before messages do, and the staff is told."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core import events
from ivr.core.audio import wav_bytes
from ivr.service.disk_guard import DiskGuard
from ivr.store import queries, retention
from ivr.store.disk_space import free_bytes, may_record
from ivr.store.writer import write
from tests.call.audio.listener_peers import speech
from tests.service.collecting import STARTED, Round, instance
from tests.store.calls import PSEUDONYMS, stamped

pytestmark = pytest.mark.virtual_time(sockets=True)

DISK_MB, LIMIT_MB = 20, 10


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "accueil-test", place]
    subprocess.run(mount, check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def recorded(here: Round, name: str, age: int, megabytes: int) -> Path:
    """A call of ``age`` seconds ago with a recording."""
    file = f"recordings/{name}.flac"
    begun = events.Sequence().next() - age * 10**9
    story = stamped(name, STARTED, events.RecordingKept(file, 3.0), first=begun)
    write(
        here.store,
        [*story, *stamped(name, events.CallFinished("answered", "caller", 3.0), first=begun + 10)],
        PSEUDONYMS,
    )
    path = here.spool.settings.state / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(megabytes * 1_000_000))
    return path


async def test_below_the_limit_calls_are_not_recorded_the_oldest_recordings_go_and_messages_come_in(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with instance(disk) as here:
        settings = dataclasses.replace(here.spool.settings, record_free_mb=LIMIT_MB)
        guard = DiskGuard(settings, here.ari, here.store)
        await guard.once()
        assert here.fake.globals["RECORD"] == "1" and may_record(settings)
        held = recorded(here, "fake-1.0", 900, 1)
        retention.hold(here.store, "fake-1.0", "court")
        old, new = recorded(here, "fake-1.1", 600, 4), recorded(here, "fake-1.2", 300, 1)
        (disk / "ballast").write_bytes(bytes(int(free_bytes(settings)) - 4_000_000))
        for _ in range(3):
            await guard.once()
        assert here.fake.globals["RECORD"] == "0" and not may_record(settings)
        assert held.exists() and not old.exists() and not new.exists()
        row = queries.call(here.store, "fake-1.1")
        assert row is not None and row.recording == "" and row.outcome == "answered"
        assert caplog.text.count("ALARM") == 1 and "before their time" in caplog.text
        here.spool.record(wav_bytes(speech("please call me back tomorrow")))
        await here.go(2)
        assert here.messages()[0].transcript == "please call me back tomorrow"
        (disk / "ballast").unlink()
        await guard.once()
        assert here.fake.globals["RECORD"] == "1" and may_record(settings)


async def test_a_reload_of_the_dialplan_does_not_switch_it_on(disk: Path) -> None:
    async with instance(disk) as here:
        guard = DiskGuard(
            dataclasses.replace(here.spool.settings, record_free_mb=2 * DISK_MB), here.ari, here.store
        )
        await guard.once()
        here.fake.globals["RECORD"] = "1"
        await guard.once()
        assert here.fake.globals["RECORD"] == "0"


async def test_the_refusal_of_a_caller_holds_where_its_mark_could_not_be_written(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        here.happened("c1", STARTED, events.RecordingRefused())
        for call in ("c1", "c2"):
            for side in ("in", "out"):
                (here.spool.monitor / f"{call}-{side}.wav16").write_bytes(wav_bytes(speech("no")))
        await here.go(2)
        folder = here.spool.settings.state / "recordings"
        assert [path.name for path in folder.iterdir()] == ["c2.flac"] and here.spool.left() == []
