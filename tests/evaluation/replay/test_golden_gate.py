"""A publication that breaks a golden call is refused and names the call, with the real engines."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.content.bundle import FOLDERS
from ivr.core.audio import read_audio
from ivr.core.settings import Settings, load
from ivr.evaluation.replay import golden, golden_gate
from ivr.evaluation.replay.jobs import ReplayJob
from ivr.service import publishing
from ivr.service.publishing import PublicationRefused
from ivr.setup.content import train
from ivr.setup.progress import Task
from ivr.speech.caller_voices import caller_wav
from tests.call.harness import CallHarness
from tests.conftest import ROOT
from tests.evaluation.replay.recorded import record
from tests.service.calls.words import EIFFEL_PRICE

pytestmark = pytest.mark.slow

CALLFLOW = Path("dialplans/callflow.yml")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings with a copy of the real content, the real engines, and a state folder of their own."""
    train(load(root=ROOT), Task("", lambda share, text: None))
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    own = dataclasses.replace(load(root=ROOT), root=tmp_path, instance=f"test-golden-{os.getpid()}")
    own.state.mkdir(parents=True)
    yield own
    shutil.rmtree(own.state)


async def asks(here: CallHarness) -> None:
    """Ask a question that real recognisers know, and that was not understood in the call."""
    await here.menu()
    here.fake.press(here.caller, "2")
    await here.hears("how_can_i_help")
    here.recogniser.words.append((EIFFEL_PRICE, "en"))
    await here.sounds(read_audio(caller_wav("en", EIFFEL_PRICE)))
    await here.hears("reprompt_examples")
    here.fake.hang_up(here.caller)


@pytest.mark.virtual_time(sockets=True)
async def test_a_golden_call_must_not_break(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await record(tmp_path, asks, monkeypatch)
    golden.add(settings, "prices", ReplayJob(call.history.call_id, tuple(call.happened), call.recording))
    edit(settings.state / "golden/prices.yml", "decision: reprompt", "decision: answer")
    edit(settings.state / "golden/prices.yml", "intent: oos", "intent: eiffel.price")
    assert await asyncio.to_thread(golden_gate.broken, settings, lambda done, total: None) == []
    edit(settings.root / CALLFLOW, "  answer: 0.70", "  answer: 1.0")
    with pytest.raises(PublicationRefused, match="1 turns of golden calls broke") as refusal:
        await asyncio.to_thread(publishing._prove, settings, _Bar())
    told = str(refusal.value.findings[0])
    assert "prices: call" in told and "expected answer eiffel.price, it would be confirm eiffel.price" in told


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


class _Bar:
    """Shows nothing."""

    def at(self, done: int, total: int) -> None: ...
