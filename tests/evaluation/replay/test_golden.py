"""Golden calls: added, edited by people and broken by changes; pages for build servers."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ivr.core.audio import read_channels
from ivr.core.errors import ConfigError, UsageError
from ivr.core.settings import Settings
from ivr.evaluation.replay import golden
from ivr.evaluation.replay import report as pages
from ivr.evaluation.replay.erasure import forget
from ivr.evaluation.replay.jobs import ReplayJob, Result
from tests.call.dialogue.scripted import make_content
from tests.evaluation.replay.recorded import Recorded, record
from tests.evaluation.replay.test_command import asks, stricter

pytestmark = pytest.mark.virtual_time(sockets=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, var=tmp_path / "var", instance="t")


async def replayed(call: Recorded, name: str, settings: Settings, answer: float = 0.0) -> list[golden.Check]:
    """Return the checks of the set, replayed from its own copies of the call."""
    suite = golden.load_suite(settings, name)
    (job,) = suite.jobs()
    kept = dataclasses.replace(call, recording=job.recording, happened=list(job.events))
    reports = await asyncio.to_thread(kept.replay, at=stricter(answer) if answer else make_content())
    return golden.check(suite, [Result(job.call_id, [report.row() for report in reports])])


async def test_a_golden_call_goes_as_it_went_and_breaks_by_name(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await record(tmp_path, asks, monkeypatch)
    job = ReplayJob(call.history.call_id, tuple(call.happened), call.recording)
    turns = golden.add(settings, "navigo", job, "the price of a week")
    assert [(one.decision, one.intent) for one in turns.values()] == [
        ("language", "en"), ("answer", "navigo.pass"), ("control", "no"),
    ]  # fmt: skip
    call.recording.unlink()  # as retention does: the set has its own copy of the caller's side
    assert len(read_channels(golden.copies(settings.state / "golden", job.call_id)[1])[0]) == 1
    assert [check.broken for check in await replayed(call, "navigo", settings)] == [False] * 3
    checks = await replayed(call, "navigo", settings, answer=0.95)
    assert [check.broken for check in checks] == [False, True, False]
    assert "expected answer navigo.pass, it would be confirm navigo.pass" in str(checks[1])
    suite = ElementTree.fromstring(pages.junit("navigo", checks))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.find("failure") is not None for case in suite] == [False, True, False]


async def test_what_people_wrote_stays_when_the_call_is_added_again(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await record(tmp_path, asks, monkeypatch)
    job = ReplayJob(call.history.call_id, tuple(call.happened), call.recording)
    golden.add(settings, "navigo", job)
    path = settings.state / "golden/navigo.yml"
    path.write_text(path.read_text("utf-8").replace("intent: navigo.pass", "intent: orsay"), "utf-8")
    assert golden.add(settings, "navigo", job)[2].intent == "orsay"
    checks = await replayed(call, "navigo", settings)
    assert [check.broken for check in checks] == [False, True, False]


async def test_nothing_is_left_of_a_call_that_is_erased(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await record(tmp_path, asks, monkeypatch)
    job = ReplayJob(call.history.call_id, tuple(call.happened), call.recording)
    for name in ("one", "two"):
        golden.add(settings, name, job)
    kept = settings.state / "replays" / f"{job.call_id}-00ff.json"
    kept.parent.mkdir()
    kept.write_text("[]", "utf-8")
    forget(settings, job.call_id)
    forget(settings, job.call_id)
    left = [path for path in settings.state.rglob("*") if path.is_file()]
    assert sorted(path.name for path in left) == ["one.yml", "two.yml"]
    assert not any(job.call_id in path.read_text("utf-8") for path in left)


async def test_mistakes_are_told(settings: Settings) -> None:
    with pytest.raises(UsageError, match="no golden calls named paris"):
        golden.load_suite(settings, "paris")
    with pytest.raises(UsageError, match="small letters"):
        golden.load_suite(settings, "../paris")
    path = settings.state / "golden/paris.yml"
    path.parent.mkdir(parents=True)
    path.write_text("calls:\n  c1:\n    turns:\n      1: {decison: answer}\n", "utf-8")
    with pytest.raises(ConfigError) as refusal:
        golden.load_suite(settings, "paris")
    assert "golden/paris.yml:4" in str(refusal.value.findings[0])
    path.write_text("calls:\n  c1:\n    turns:\n      1: {decision: answer}\n", "utf-8")
    with pytest.raises(UsageError, match="add the call again"):
        golden.load_suite(settings, "paris").jobs()


async def test_pages_hold_what_callers_say_as_text() -> None:
    heard = {"text": "<script>\x00", "lang": "en", "confidence": 0.9}
    decided = {"decision": "answer", "intent": "orsay"}
    row = {
        "call": "c1", "turn": 1, "heard": {"then": heard, "now": heard}, "changed": True,
        "decided": {"then": decided, "now": decided | {"decision": "confirm"}},
        "differences": [{"what": "decided", "reasons": ["threshold"], "reason": "threshold"}],
    }  # fmt: skip
    page = pages.html("Replay", [row])
    assert "&lt;script&gt;" in page and "<script>" not in page and "decided: threshold" in page
    suite = ElementTree.fromstring(pages.junit_of_rows([row], {"c2": "no such file"}))
    assert (suite.get("failures"), suite.get("errors")) == ("1", "1")
