"""A file of every wrong kind in every spool folder: the others are collected, and it is told of once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core import events
from ivr.core.audio import RATE
from ivr.store.quarantine import TRIES, set_aside_by_asterisk
from tests.fakes.wrong_files import NAMES, WRONG, lift, places
from tests.service.collecting import STARTED, Round, instance
from tests.store.calls import stamped
from tests.store.spool import tone, wav

pytestmark = pytest.mark.virtual_time(sockets=True)

CALL = "fake-1795510790.7"
"""A finished call with messages, a recording and a capture."""


@pytest.fixture
def wrong() -> Iterator[list[Path]]:
    made: list[Path] = []
    yield made
    for path in made:
        lift(path)


def leave(here: Round) -> str:
    """Leave everything that a call may leave in a spool; returns the name of its message."""
    here.spool.leave_at_fallback(wav(4.0), CALL)
    name = here.spool.record(wav(5.0), CALL)
    for side in ("in", "out"):
        (here.spool.monitor / f"{CALL}-{side}.wav16").write_bytes(wav(3.0))
    captures = here.spool.settings.state_dir.captures
    captures.mkdir()
    (captures / f"{CALL}-2.pcm").write_bytes(tone(2.0, RATE))
    dead = here.spool.settings.state_dir.spool / "9dead.jsonl"
    [line] = [events.to_json(item) for item in stamped("dead-1.1", STARTED)]
    dead.write_text(json.dumps(line) + "\n")
    return name


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("ALARM")]


@pytest.mark.parametrize(
    ("kind", "name"),
    [*((kind, "plain") for kind in WRONG), *((kind, name) for kind in ("folder", "zeros") for name in NAMES)],
)
async def test_one_wrong_file_never_stops_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: list[Path], kind: str, name: str
) -> None:
    async with instance(tmp_path) as here:
        message = leave(here)
        for path in places(here.spool.settings, NAMES[name], CALL):
            path.parent.mkdir(parents=True, exist_ok=True)
            WRONG[kind](path)
            wrong.append(path)
        await here.go(TRIES + 1)
        found = {row.id: (row.call_id, row.seconds) for row in here.messages()}
        assert found[message] == (CALL, 5.0) and (CALL, 4.0) in found.values()
        assert here.call(CALL).recording == f"recordings/{CALL}.flac"
        assert (here.spool.settings.state / f"recordings/{CALL}.ear.flac").stat().st_size > 1000
        assert here.call("dead-1.1").number
        told = alarms(caplog)
        assert len(told) <= len(wrong) and not [line for line in told if "\n" in line]
        caplog.clear()
        await here.go(3)
        assert alarms(caplog) == [], "each is told of once"


async def test_what_is_set_aside_keeps_its_content_and_never_replaces_another(tmp_path: Path) -> None:
    async with instance(tmp_path) as here:
        for content in (b"first", b"second"):
            (here.spool.fallback / "x.wav").write_bytes(content * 20)
            await here.go()
        kept = sorted((set_aside_by_asterisk(here.spool.settings) / "fallback").iterdir())
        assert [path.read_bytes()[:6] for path in kept] == [b"firstf", b"second"]


async def test_drafts_of_an_earlier_version_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with instance(tmp_path) as here:
        message = leave(here)
        for path in places(here.spool.settings, ".x", CALL):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"{path.name}.part").touch()
        await here.go(2)
        assert message in {row.id for row in here.messages()} and alarms(caplog) == []
