"""Replays of a call: the same when nothing changed, else exactly the change with its reason."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from ivr.content.bundle import Content
from ivr.content.callflow import RecordingSettings
from ivr.core.audio import join_stereo, read_channels, write_wav
from ivr.core.pseudonyms import is_pseudonym
from ivr.evaluation.replay.call_history import read
from ivr.evaluation.replay.diff import ReplayReport
from tests.call.audio.telephone import until
from tests.call.dialogue.scripted import make_content
from tests.call.harness import MEANINGS, CallHarness, voice
from tests.evaluation.replay.recorded import Memory, Recorded, Script, record
from tests.store.calls import kept

pytestmark = pytest.mark.virtual_time(sockets=True)
QUESTION = "what does a Navigo week cost"


async def asks(here: CallHarness) -> None:
    """Choose English by key, ask a question, hear the whole answer, say goodbye."""
    await here.menu()
    here.fake.press(here.caller, "2")
    await here.hears("how_can_i_help")
    await here.says(QUESTION)
    await here.hears("anything_else")
    await here.says("no thank you")


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


async def replayed(call: Recorded, *args: object, **other: object) -> list[ReplayReport]:
    return await asyncio.to_thread(call.replay, *args, **other)  # type: ignore[arg-type]


def rows(reports: list[ReplayReport]) -> list[tuple[str, bool, list[tuple[str, str]]]]:
    """Return today's decision, whether the turn changed, and what differs with the reason."""
    found = []
    for report in reports:
        row = report.row()
        why = [(one["what"], one["reason"]) for one in row["differences"]]
        found.append((row["decided"]["now"]["decision"], row["changed"], why))
    return found


@pytest.mark.parametrize("capture", [True, False], ids=["the listener's audio", "Asterisk's recording"])
async def test_nothing_changed_and_every_turn_is_decoded_from_the_same_bytes(
    tmp_path: Path, patch: pytest.MonkeyPatch, capture: bool
) -> None:
    call = await record(tmp_path, asks, patch, capture=capture)
    memory = call.memory()
    reports = await replayed(call, memory)
    assert rows(reports) == [("language", False, []), ("answer", False, []), ("control", False, [])]
    assert [report.attribution.listened.same_sound for report in reports] == [False, True, True]
    assert memory.missed == 0


async def test_a_replay_is_deterministic(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    call = await record(tmp_path, asks, patch)
    first, second = await replayed(call), await replayed(call)
    assert [report.row() for report in first] == [report.row() for report in second]


def stricter(answer: float) -> Content:
    """Return the content with another threshold."""
    flow = make_content().callflow
    gate = flow.gate.model_copy(update={"answer": answer})
    return dataclasses.replace(make_content(), callflow=flow.model_copy(update={"gate": gate}))


async def test_another_threshold_changes_the_turns_that_it_is_about(
    tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    call = await record(tmp_path, asks, patch)
    assert rows(await replayed(call, at=stricter(0.95))) == [
        ("language", False, []),
        ("confirm", True, [("decided", "threshold"), ("told", "threshold")]),
        ("control", False, []),
    ]


async def test_another_recogniser_is_named(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    call = await record(tmp_path, asks, patch)
    other = Memory({}, otherwise="mumble")
    found = rows(await replayed(call, other))
    assert found[0] == ("language", False, [])
    assert found[1] == ("reprompt", True, [("heard", "recogniser"), ("understood", "recogniser"),
                                           ("decided", "recogniser"), ("told", "recogniser")])  # fmt: skip
    assert found[2][1]


async def test_another_model_of_intents_is_named(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    call = await record(tmp_path, asks, patch)
    found = rows(await replayed(call, meanings=MEANINGS | {QUESTION.lower(): "orsay"}))
    assert found[1] == (
        "answer",
        True,
        [("understood", "intents"), ("decided", "intents"), ("told", "intents")],
    )
    assert [changed for _, changed, _ in found] == [False, True, False]


async def test_another_answer_is_named(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    call = await record(tmp_path, asks, patch)
    today = make_content()
    entry = today.faq.entry("navigo.pass")
    changed = entry.model_copy(update={"answers": entry.answers | {"en": "It is free today."}})
    patch.setitem(today.faq._entries, "navigo.pass", changed)
    assert rows(await replayed(call, at=today)) == [
        ("language", False, []), ("answer", True, [("told", "content")]), ("control", False, []),
    ]  # fmt: skip


async def test_a_barge_in_a_silence_and_a_withheld_end(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    async def script(here: CallHarness) -> None:
        await here.menu()
        await here.says("quanto costa un navigo", "it")
        await here.hears("navigo.pass")
        await asyncio.sleep(16.0)  # says nothing: asked again
        await here.says("no thank you", "it")

    call = await record(tmp_path, script, patch)
    reports = await replayed(call)
    assert [changed for _, changed, _ in rows(reports)] == [False] * len(reports)
    assert {"nothing-heard", "heard"} <= {turn.action.kind for turn in call.history.turns}


async def hesitates(here: CallHarness) -> None:
    """Pause inside a question for longer than the listener waits after a sentence that sounds finished."""
    await here.menu()
    here.fake.press(here.caller, "2")
    await here.hears("how_can_i_help")
    here.recogniser.words += [(QUESTION, "en")] * 2
    await here.sounds(voice(QUESTION, "en"))
    await asyncio.sleep(1.1)
    await here.sounds(voice("for one person", "en"))
    await asyncio.sleep(3.0)
    await here.says("no thank you")


@pytest.mark.parametrize("slow", [(), (2.0,), (0.5, 2.0)], ids=["in time", "late", "late twice"])
async def test_a_late_decode_is_as_late_in_the_replay(
    tmp_path: Path, patch: pytest.MonkeyPatch, slow: tuple[float, ...]
) -> None:
    call = await record(tmp_path, hesitates, patch, slow=slow)
    memory = call.memory()
    reports = await replayed(call, memory)
    assert [changed for _, changed, _ in rows(reports)] == [False] * len(reports)
    spoken = [report for report in reports if report.turn.speech]
    assert len(spoken) >= 2 and all(report.attribution.listened.same_sound for report in spoken)
    assert memory.missed == 0


def misheard(reading: str, seconds: float) -> Script:
    """Ask a question that is recognised only by the decode ``reading`` (again or quick), which takes ``seconds``."""

    async def script(here: CallHarness) -> None:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        setattr(here.recogniser, reading, (QUESTION, seconds))
        await here.says("what does a navy go weak coast")
        await asyncio.sleep(3.0)
        setattr(here.recogniser, reading, None)
        await here.says("no thank you")

    return script


@pytest.mark.parametrize(
    ("seconds", "decision"), [(0.3, "answer"), (2.0, "reprompt")], ids=["in time", "late"]
)
async def test_a_second_decode_counts_in_a_replay_as_in_the_call(
    tmp_path: Path, patch: pytest.MonkeyPatch, seconds: float, decision: str
) -> None:
    call = await record(tmp_path, misheard("again", seconds), patch)
    memory = call.memory()
    memory.again = QUESTION
    found = rows(await replayed(call, memory))
    assert found[1] == (decision, False, [])
    assert [changed for _, changed, _ in found] == [False] * len(found)


async def test_a_replay_decodes_quickly_as_the_call_did(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    call = await record(tmp_path, misheard("quick", 0.1), patch)
    memory = call.memory()
    memory.quick = QUESTION
    found = rows(await replayed(call, memory))
    assert found[1] == ("answer", False, [])


async def test_a_turn_that_a_machine_under_load_did_not_understand_says_so(
    tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    async def script(here: CallHarness) -> None:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        here.rasa.failing = here.local.failing = 503
        await here.says(QUESTION)
        await asyncio.sleep(8.0)
        here.rasa.failing = here.local.failing = 0
        await here.says("no thank you")

    call = await record(tmp_path, script, patch)
    found = rows(await replayed(call))
    assert found[1] == ("answer", True, [("understood", "load"), ("decided", "load"), ("told", "load")])
    assert [changed for _, changed, _ in found] == [False, True, False]


async def test_a_recording_without_the_decoded_audio_is_named(
    tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    call = await record(tmp_path, asks, patch, capture=False)
    spoken = next(turn.speech for turn in call.history.turns if turn.speech)
    [caller, service], rate = read_channels(call.recording)
    hole = slice(round(spoken.start_s * rate) * 2, round((spoken.start_s + 0.3) * rate) * 2)
    caller = caller[: hole.start] + caller[hole.stop :] + bytes(hole.stop - hole.start)
    write_wav(call.recording, join_stereo(caller, service), channels=2)
    found = rows(await replayed(call))
    assert found[1][1] and {reason for _, reason in found[1][2]} == {"line"}


async def test_nothing_is_decided_after_a_caller_hangs_up_during_a_prompt(
    tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    async def script(here: CallHarness) -> None:
        await here.menu()
        await here.says("call me back please")
        await until(lambda: "language-chosen" in here.kinds())
        await asyncio.sleep(2.0)  # during the notice that the call may be recorded
        here.fake.hang_up(here.caller)

    flow = make_content().callflow.model_copy(update={"recording": RecordingSettings()})
    telling = dataclasses.replace(make_content(), callflow=flow)
    call = await record(tmp_path, script, patch, at=telling)
    assert [said.key for turn in call.history.turns for said in turn.told] == ["recording_notice"]
    assert rows(await replayed(call, at=telling)) == [("language", False, [])]


async def test_a_caller_whose_number_was_offered_has_one_in_the_replay(
    tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    async def script(here: CallHarness) -> None:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        await here.says("call me back please")
        await here.hears("callback_own")
        await here.says("no thank you")
        await here.hears("callback_number")
        await asyncio.sleep(1.0)
        here.fake.hang_up(here.caller)

    call = await record(tmp_path, script, patch, number="+33612345678")
    stored = dataclasses.replace(call, history=read(call.history.call_id, kept(call.happened)))
    assert is_pseudonym(stored.history.number)
    assert [changed for _, changed, _ in rows(await replayed(stored))] == [False] * 3
