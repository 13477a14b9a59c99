"""Replays of many calls: cached results, and workers that die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ivr.core import events
from ivr.core.errors import UsageError
from ivr.core.settings import Settings, load
from ivr.evaluation.replay import jobs
from ivr.evaluation.replay.jobs import ReplayJob, Result
from ivr.store.audio_capture import capture_of
from tests.conftest import ROOT
from tests.store.calls import stamped


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    real = load(root=ROOT)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/models").symlink_to(real.models)
    return Settings(root=ROOT, var=tmp_path / "var", instance="t", rasa_url="http://rasa.example:5005")


def job(folder: Path, name: str, sound: bytes = b"sound") -> ReplayJob:
    path = folder / f"{name}.wav"
    path.write_bytes(sound)
    return ReplayJob(
        name, tuple(stamped(name, events.CallStarted("", "s", "w"), events.KeyPressed("1"))), path
    )


class Counting:
    """Runs jobs and notes them; raises KeyboardInterrupt after ``stops_after``."""

    def __init__(self, stops_after: int = 99) -> None:
        self.ran: list[str] = []
        self.stops_after = stops_after

    def __call__(
        self, settings: Settings, engine: str, todo: Sequence[ReplayJob], workers: int
    ) -> Iterator[Result]:
        for one in todo:
            if len(self.ran) == self.stops_after:
                raise KeyboardInterrupt
            self.ran.append(one.call_id)
            yield Result(one.call_id, [{"call": one.call_id, "turn": 1}])


def test_an_interrupted_run_goes_on_where_it_stopped(settings: Settings, tmp_path: Path) -> None:
    todo = [job(tmp_path, name) for name in ("c1", "c2", "c3")]
    first, second = Counting(stops_after=2), Counting()
    with pytest.raises(KeyboardInterrupt):
        list(jobs.replay_all(settings, todo, "whisper", 2, first))
    results = list(jobs.replay_all(settings, todo, "whisper", 2, second))
    assert (first.ran, second.ran) == (["c1", "c2"], ["c3"])
    assert [(one.call_id, one.kept) for one in results] == [("c1", True), ("c2", True), ("c3", False)]


def test_other_audio_engine_or_events_give_another_result(settings: Settings, tmp_path: Path) -> None:
    one = job(tmp_path, "c1")
    today = jobs.version(settings, "whisper")
    known = jobs.key(one, today)
    assert jobs.version(settings, "whisper") == today
    assert jobs.version(settings, "vosk") != today
    assert jobs.key(one, jobs.version(settings, "vosk")) != known
    one.recording.write_bytes(b"another sound")
    assert jobs.key(one, today) != known
    longer = ReplayJob(
        "c1", (*one.events, *stamped("c1", events.KeyPressed("2"))), job(tmp_path, "c1").recording
    )
    assert jobs.key(longer, today) != known


def test_errors_are_not_cached_and_a_missing_recording_is_named(settings: Settings, tmp_path: Path) -> None:
    todo = [job(tmp_path, "c1")]

    def failing(settings: Settings, engine: str, todo: Sequence[ReplayJob], workers: int) -> Iterator[Result]:
        yield Result("c1", [], "no sound")

    assert [one.error for one in jobs.replay_all(settings, todo, "", 1, failing)] == ["no sound"]
    assert Counting().ran == [] and list(jobs.replay_all(settings, todo, "", 1, Counting()))[0].kept is False
    todo[0].recording.unlink()
    with pytest.raises(UsageError, match="No such file"):
        list(jobs.replay_all(settings, todo, "", 1, Counting()))


def test_audio_sent_with_a_job_is_a_file_but_on_no_disk(tmp_path: Path) -> None:
    one = job(tmp_path, "c1")
    capture_of(one.recording).write_bytes(b"ear")
    sent = jobs.with_recording(one)
    with jobs.recording_file(one) as there:
        assert there == one.recording
    with jobs.recording_file(sent) as copy:
        assert (copy.read_bytes(), capture_of(copy).read_bytes()) == (b"sound", b"ear")
        assert all(file.is_symlink() for file in copy.parent.iterdir())
    assert not copy.parent.exists()


def dying(settings: Settings, engine: str) -> None:
    """Load no engines."""


def die_once(one: ReplayJob) -> Result:
    """Kill the first worker that gets call c2."""
    mark = one.recording.with_suffix(".died")
    if one.call_id == "c2" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Result(one.call_id, [])


def test_a_worker_that_dies_costs_only_its_running_calls(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_open", dying)
    monkeypatch.setattr(jobs, "_replay", die_once)
    todo = [job(tmp_path, f"c{number}") for number in range(5)]
    results = list(jobs.pool(settings, "", todo, 2))
    assert sorted(one.call_id for one in results) == [f"c{number}" for number in range(5)]
    assert not any(one.error for one in results)
