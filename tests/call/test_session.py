"""Whole calls: nothing is left behind, however a call ends."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from ivr.call.dead_man import DEADMAN_S
from ivr.call.message_recorder import ASK_S, LATE_S
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core.audio import RATE, silence, write_wav
from ivr.core.events import (
    CallbackWanted,
    CallFinished,
    Fault,
    HandOff,
    Heard,
    LanguageChosen,
    PersonWanted,
    Said,
    Understood,
)
from tests.call.audio.telephone import until
from tests.call.dialogue.scripted import NIGHT, make_content, with_on_call
from tests.call.harness import call_harness, voice

pytestmark = pytest.mark.virtual_time(sockets=True)


async def test_a_call_from_the_greeting_to_goodbye(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        await here.says("what does a Navigo week cost")
        await here.hears("anything_else")
        await here.says("no thank you")
        await here.over()
        assert here.told()[-5:] == [
            "introduction",
            "how_can_i_help",
            "navigo.pass",
            "anything_else",
            "goodbye",
        ]
        assert here.kinds() == [
            "call-started", "key", "language-chosen", "heard", "understood", "decided", "heard", "understood",
            "decided", "call-finished",
        ]  # fmt: skip
        finished = here.last("call-finished")
        assert isinstance(finished, CallFinished)
        assert (finished.outcome, finished.by) == ("answered", "service")
        assert here.fake.channels == {} and here.left_behind() == []
        assert here.rasa.parsed == ["what does a navigo week cost", "no thank you"]


async def test_the_greeting_begins_with_the_answer_and_events_tell_the_time_since_then(
    tmp_path: Path,
) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "1")
        await until(lambda: "said" in [item.event.kind for item in here.noted])
        said = next(item for item in here.noted if item.event.kind == "said")
        assert 0 <= said.event.start_s < 0.3  # type: ignore[attr-defined]
        assert here.noted[0].t == 0 and here.caller.state == "Up"
        assert [item.seq for item in here.noted] == sorted({item.seq for item in here.noted})


async def test_a_question_over_the_menu_stops_it_and_is_answered_in_its_language(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        await here.says("quanto costa un Navigo", "it")
        await here.hears("navigo.pass")
        assert here.last("language-chosen") == LanguageChosen("it", "question")
        heard = here.last("heard")
        assert isinstance(heard, Heard) and heard.end_s - heard.start_s == pytest.approx(
            len(voice("quanto costa un Navigo", "it")) / 32_000, abs=0.4
        )
        assert here.caller.variables["IVR_LANG"] == "it"


async def test_a_noise_that_stopped_the_prompt_has_it_said_again(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.recogniser.words.append(("", "en"))
        await here.sounds(voice("Pardon?", "en")[: 32_000 // 2])
        await asyncio.sleep(4.0)
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        assert here.told()[:3].count("welcome") == 2
        assert here.kinds() == ["call-started", "key", "language-chosen"], "it is no turn of the caller's"


async def test_the_dead_man_timer_is_wound_up_every_two_seconds(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await asyncio.sleep(10)
        renewed = [target for target in here.fake.targets if target.endswith("/variable")]
        assert 5 <= len(renewed) <= 7
        assert here.caller.variables["TIMEOUT(absolute)"] == str(DEADMAN_S)


# hang-ups


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.05, 0.5, 3.0, 20.0])
async def test_a_hang_up_while_we_speak_or_wait_leaves_nothing_behind(tmp_path: Path, seconds: float) -> None:
    async with call_harness(tmp_path) as here:
        before = asyncio.all_tasks() - {here.session}
        await asyncio.sleep(seconds)
        here.fake.hang_up(here.caller)
        await asyncio.wait_for(here.over(), 3)
        await asyncio.sleep(1)
        assert here.left_behind() == []
        assert [task for task in asyncio.all_tasks() - before if "ivr" in repr(task.get_coro())] == []
        assert here.kinds()[-1] == "call-finished" and here.kinds().count("call-finished") == 1
        assert "fault" not in here.kinds()


@pytest.mark.parametrize("after", [0.2, 1.2, 2.3, 2.7, 4.0])
async def test_a_hang_up_in_mid_question_or_answer_leaves_nothing_behind(
    tmp_path: Path, after: float
) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        asking = asyncio.create_task(here.says("what does a Navigo week cost"))
        await asyncio.sleep(after)
        here.fake.hang_up(here.caller)
        await asyncio.wait_for(here.over(), 3)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert here.left_behind() == [] and "fault" not in here.kinds()
        finished = here.last("call-finished")
        assert isinstance(finished, CallFinished) and finished.by == "caller"


# what can fail


async def test_with_a_broken_recogniser_topics_are_chosen_by_keys(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.recogniser.words.append(None)
        await here.sounds(voice("what does a Navigo week cost", "en"))
        await here.hears("by_keys")
        here.fake.press(here.caller, "4")
        await here.hears("navigo.pass")
        assert Fault("recogniser", "the decoder broke") in [item.event for item in here.noted]
        here.fake.hang_up(here.caller)
        await here.over()
        finished = here.last("call-finished")
        assert isinstance(finished, CallFinished) and finished.outcome == "answered"


async def test_who_speaks_to_a_broken_recogniser_gets_a_person(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        here.recogniser.words += [None, None]
        for _ in range(2):
            await here.sounds(voice("what does a Navigo week cost", "en"))
            await asyncio.sleep(8)
        await here.over()
        assert here.caller.where == "handoff,queue,1" and here.left_behind() == []


async def test_what_no_voice_can_say_is_not_waited_for(tmp_path: Path) -> None:
    """A number is read back with live prompt parts; without them the caller leaves a message."""
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        await here.says("call me back please")
        await here.hears("callback_number")
        here.voices["en"].hoarse = "eight nine"
        for key in "0145678911#":
            here.fake.press(here.caller, key)
            await asyncio.sleep(0.1)
        await here.records()
        keyed = max(item.t for item in here.noted if item.event.kind == "key")
        told = here.last("said")
        assert isinstance(told, Said) and told.key == "voicemail_intro"
        assert told.start_s - keyed < 6.0, "more than the groups before it: the caller waited for nothing"


async def test_a_failure_that_nobody_thought_of_hands_the_caller_to_the_dialplan(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.recogniser.words.append(("what",))  # type: ignore[arg-type]  # an IndexError: an error in the program
        await here.sounds(voice("what does a Navigo week cost", "en"))
        await here.over()
        assert here.caller.where == "fallback,s,1" and here.left_behind() == []
        assert here.last("fault") == Fault("call", "IndexError: tuple index out of range")
        assert "call-finished" not in here.kinds(), "the call goes on in the dialplan"
        assert caplog.records[-1].exc_info and caplog.records[-1].exc_info[0] is IndexError


@pytest.mark.parametrize("harm", ["refuses", "frozen", "garbage"])
async def test_without_rasa_the_caller_gets_the_same_answer(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The question at which Rasa fails is answered about 1 s later, further questions at once."""
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        here.rasa.failing = 503 if harm == "refuses" else 0
        here.rasa.frozen, here.rasa.garbled = harm == "frozen", harm == "garbage"
        for _ in range(2):
            here.noted.clear()
            await here.says("what does a Navigo week cost")
            await here.hears("navigo.pass")
            understood = here.last("understood")
            assert isinstance(understood, Understood) and understood.classifier == "local"
            await here.hears("anything_else")
            await asyncio.sleep(2)
        assert understood.ms < 200, "the second question does not wait for Rasa"
        here.fake.hang_up(here.caller)
        await here.over()
        assert "fault" not in here.kinds() and "by_keys" not in here.told()
    assert sum("ALARM" in record.message for record in caplog.records) == 1


async def test_without_any_classifier_the_caller_gets_keys_and_a_person(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        here.rasa.failing = here.local.failing = 503
        for _ in range(2):
            await here.says("what does a Navigo week cost")
            await asyncio.sleep(8)
        await here.over()
        assert "by_keys" in here.told() and here.told()[-1] == "handoff"
        assert here.caller.where == "handoff,queue,1" and "fault" in here.kinds()
        assert "call-finished" not in here.kinds()


async def test_a_line_that_breaks_again_and_again_hands_the_caller_to_the_dialplan(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        while not here.session.done():
            media = [one for one in here.fake.media.values() if one.socket is not None][-1]
            assert media.socket is not None
            media.socket.reset()
            await asyncio.sleep(0.5)
        assert here.caller.where == "fallback,s,1" and here.left_behind() == []


async def test_a_prompt_whose_end_nobody_tells_hands_the_caller_to_the_dialplan(tmp_path: Path) -> None:
    """The socket stays up and answers pings, but its marks do not come back."""
    async with call_harness(tmp_path) as here:
        await here.menu()
        for media in here.fake.media.values():
            media.marks_lost = True
        await here.over()
        assert here.caller.where == "fallback,s,1" and here.left_behind() == []


async def test_who_was_taken_to_the_fallback_behind_our_back_is_left_to_it(tmp_path: Path) -> None:
    """Both sockets were cut for longer than the dead-man timer; the old session neither renews nor hangs up."""
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.booting = True
        here.fake.drop_events("accueil-1")
        await asyncio.sleep(1.0)
        here.fake.time_out(here.caller)
        here.caller.variables.pop("TIMEOUT(absolute)")
        await asyncio.sleep(10.0)
        here.fake.booting = False
        await here.over()
        assert here.caller.where == "fallback,s,1" and here.caller.id in here.fake.channels
        assert "TIMEOUT(absolute)" not in here.caller.variables


# hand-off and return


async def test_a_hand_off_tells_the_dialplan_whom_to_ring(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        here.wait = WaitEstimate(1, 61.0)
        await here.menu()
        here.fake.press(here.caller, "0")
        await here.over()
        assert here.caller.where == "handoff,queue,1" and here.left_behind() == []
        given = {name.lstrip("_"): value for name, value in here.caller.variables.items()}
        assert (given["IVR_QUEUE"], given["IVR_WAIT"], given["IVR_PRIO"]) == ("desk-fr", "120", "0")
        assert given["IVR_WHISPER"] == "desk/lang-fr&desk/why-asked" and given["IVR_TOLD"] == "60"
        assert here.last("hand-off") == HandOff("desk-fr") and "call-finished" not in here.kinds()
        assert here.last("person-wanted") == PersonWanted("key")


@pytest.mark.parametrize(
    ("status", "told"),
    [("TIMEOUT", "handoff_declined"), ("LEAVEEMPTY", "handoff_failed"), ("CONTINUE", "back_to_service")],
)
async def test_a_caller_comes_back_in_their_language(tmp_path: Path, status: str, told: str) -> None:
    async with call_harness(tmp_path, "return", status, lang="es") as here:
        await here.hears(told)
        assert here.last("hand-off") == HandOff("", status)
        assert {item.event.lang for item in here.noted if item.event.kind == "said"} == {"es"}  # type: ignore[attr-defined]
        here.fake.hang_up(here.caller)
        await here.over()
        finished = here.last("call-finished")
        assert isinstance(finished, CallFinished)
        assert finished.outcome == ("person" if status == "CONTINUE" else "abandoned")


@pytest.mark.parametrize("status", ["JOINEMPTY", "LEAVEEMPTY"])
async def test_a_caller_back_from_an_empty_queue_is_put_through_to_the_on_call_telephone(
    tmp_path: Path, status: str
) -> None:
    before = time.time()
    async with call_harness(tmp_path, "return", status, lang="es", content=with_on_call()) as here:
        await here.over()
        assert here.caller.where == "handoff,oncall,1" and here.left_behind() == []
        assert here.kinds() == ["call-started", "hand-off", "person-wanted", "hand-off"]
        assert here.last("person-wanted") == PersonWanted("asked") and here.told() == ["handoff"]
        assert here.last("hand-off") == HandOff("oncall")
        given = {name.lstrip("_"): value for name, value in here.caller.variables.items()}
        assert given["IVR_QUEUE"] == "oncall" and given["IVR_WHISPER"] == "desk/lang-es&desk/why-asked"
        assert int(before * 1000) <= int(given["IVR_WANTED"]) <= int(time.time() * 1000)


@pytest.mark.parametrize(("lang", "first"), [("es", "how_can_i_help"), ("", "welcome")])
async def test_a_caller_whose_worker_was_lost_continues_where_they_are_known(
    tmp_path: Path, lang: str, first: str
) -> None:
    async with call_harness(tmp_path, "return", "LOST", lang=lang) as here:
        await here.hears(first)
        said = [item.event for item in here.noted if item.event.kind == "said"]
        assert said[0].key == first and "hand-off" not in here.kinds()  # type: ignore[attr-defined]
        here.fake.hang_up(here.caller)
        await here.over()


# a message


async def test_a_message_at_night_is_recorded_outside_the_bridge_and_sent(tmp_path: Path) -> None:
    async with call_harness(tmp_path, now=NIGHT) as here:
        await here.menu()
        here.fake.press(here.caller, "0")
        await here.hears("voicemail_intro")
        name = await here.records()
        assert all(here.caller.id not in members for members in here.fake.bridges.values())
        here.fake.end_recording(name, talking_s=6)
        await here.hears("voicemail_review")
        here.fake.press(here.caller, "3")
        await here.hears("voicemail_sent")
        here.fake.hang_up(here.caller)
        await here.over()
        assert (here.pending.notes / f"{name}.json").read_text().count('"sent": true') == 1
        finished = here.last("call-finished")
        assert isinstance(finished, CallFinished) and finished.outcome == "message"


async def test_a_recording_that_the_collector_would_throw_away_is_not_called_a_message(
    tmp_path: Path,
) -> None:
    """Where frames of a silence are lost, Asterisk counts the rest as a second of talking."""
    async with call_harness(tmp_path, now=NIGHT) as here:
        await here.menu()
        here.fake.press(here.caller, "0")
        await here.hears("voicemail_intro")
        name = await here.records()
        here.pending.spool.mkdir(parents=True)
        write_wav(here.pending.spool / f"{name}.wav", silence(0.4))
        here.fake.end_recording(name, talking_s=1)
        await here.hears("voicemail_empty")
        assert "voicemail_review" not in here.told() and here.pending.waiting() == []
        here.fake.hang_up(here.caller)
        await here.over()


@pytest.mark.parametrize(("level", "kept"), [(80, True), (8, False)], ids=["whisper", "noise of the line"])
async def test_after_a_recording_without_speech_no_silence_ends_the_next(
    tmp_path: Path, level: int, kept: bool
) -> None:
    """Asterisk takes a whisper for silence; the noise of A-law, which is 8, is not one."""
    async with call_harness(tmp_path, now=NIGHT) as here:
        await here.menu()
        here.fake.press(here.caller, "0")
        await here.hears("voicemail_intro")
        here.fake.end_recording(await here.records())
        await here.hears("voicemail_empty")
        name = await here.records()
        assert here.fake.asked[-1]["maxSilenceSeconds"] == "0"
        here.pending.spool.mkdir(parents=True)
        write_wav(here.pending.spool / f"{name}.wav", np.full(3 * RATE, level, "<i2").tobytes())
        here.fake.end_recording(name, talking_s=3)
        if kept:
            await here.hears("voicemail_review")
        else:
            assert await here.records() != name, "the caller is asked again"
        here.fake.hang_up(here.caller)
        await here.over()
        assert (here.pending.notes / f"{name}.json").exists() == kept


@pytest.mark.parametrize("how", ["hang-up", "failed"])
async def test_a_message_that_is_broken_off_stays_noted_for_the_collector(tmp_path: Path, how: str) -> None:
    async with call_harness(tmp_path, now=NIGHT) as here:
        await here.menu()
        here.fake.press(here.caller, "0")
        await here.hears("voicemail_intro")
        name = await here.records()
        if how == "failed":
            here.fake.end_recording(name, fails="No space left on device")
            await here.hears("voicemail_failed")
        here.fake.hang_up(here.caller)
        await here.over()
        assert (here.pending.notes / f"{name}.json").exists() and here.left_behind() == []


@pytest.mark.parametrize("asked", ["answers", "does not answer"])
async def test_a_recording_whose_end_nobody_tells_is_ended_all_the_same(tmp_path: Path, asked: str) -> None:
    """The event is lost with its socket; Asterisk is asked, and where it does not answer the length decides."""
    async with call_harness(tmp_path, now=NIGHT) as here:
        await here.menu()
        here.fake.press(here.caller, "0")
        await here.hears("voicemail_intro")
        name = await here.records()
        here.pending.spool.mkdir(parents=True)
        write_wav(here.pending.spool / f"{name}.wav", voice("I have lost my bag", "en"))
        began = asyncio.get_running_loop().time()
        longest = make_content(NIGHT).callflow.voicemail.max_s + LATE_S
        if asked == "answers":
            here.fake.recordings.pop(name)
        else:
            await asyncio.sleep(longest - LATE_S)
        await here.hears("voicemail_review")
        assert asyncio.get_running_loop().time() - began < (ASK_S if asked == "answers" else longest) + 15
        here.fake.press(here.caller, "3")
        await here.hears("voicemail_sent")
        here.fake.hang_up(here.caller)
        await here.over()
        assert (here.pending.notes / f"{name}.json").read_text().count('"sent": true') == 1


async def test_a_number_keyed_in_makes_a_callback_and_stands_nowhere_else(tmp_path: Path) -> None:
    async with call_harness(tmp_path) as here:
        await here.menu()
        here.fake.press(here.caller, "2")
        await here.hears("how_can_i_help")
        await here.says("call me back please")
        await here.hears("callback_number")
        for key in "0612345678#":
            here.fake.press(here.caller, key)
            await asyncio.sleep(0.2)
        await here.hears("callback_check")
        here.fake.press(here.caller, "1")
        await here.hears("callback_window")
        here.fake.press(here.caller, "2")
        await here.hears("callback_agreed_when")
        wanted = here.last("callback-wanted")
        assert isinstance(wanted, CallbackWanted)
        assert (wanted.number, wanted.lang, wanted.end - wanted.start) == ("+33612345678", "en", 3600.0)
        told = " ".join(str(item.event) for item in here.noted if item.event is not wanted)
        assert "612345678" not in told and "six one two" not in told
        assert [item.event.digit for item in here.noted if item.event.kind == "key"] == [
            "2",
            "(number)",
            "1",
            "2",
        ]  # type: ignore[attr-defined]
