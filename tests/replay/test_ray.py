"""Replays on a Ray of one's own: every call once, and a worker that dies costs only its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ivr.config import Settings
from ivr.replay import on_ray
from ivr.replay.jobs import Job, Result
from tests.replay.test_jobs import job

pytest.importorskip("ray", reason="NOT TESTED: Ray is not installed (the extra `ray`)")


class Frail:
    """A worker without engines, which is killed at its first call c2."""

    def __init__(self, settings: Settings, engine: str) -> None:
        self.settings = settings

    def replay(self, one: Job) -> Result:
        mark = self.settings.state.with_suffix(".died")
        if one.call_id == "c2" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Result(one.call_id, [{"bytes": len(one.sound)}])


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_calls_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "Station", Frail)
    settings = Settings(root=tmp_path, var=tmp_path, instance="t")
    settings.state.parent.mkdir()
    todo = [job(tmp_path, f"c{number}", b"sound" * number) for number in range(6)]
    results = list(on_ray.OnRay(on_ray.LOCAL)(settings, "whisper", todo, 2))
    assert sorted(one.call_id for one in results) == [one.call_id for one in todo]
    assert not any(one.error for one in results)
    assert {one.call_id: one.rows[0]["bytes"] for one in results}["c3"] == 15
