"""Fire drills: parts are killed under running calls, and the callers are served nevertheless."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ivr.core import events
from ivr.core.audio import read_audio, seconds
from ivr.nlu.client import HttpClassifier
from tests.drills.rasa_proxy import RasaProxy
from tests.processes import hears
from tests.service.calls import sounds, words
from tests.service.calls.caller import Caller
from tests.service.calls.running_service import RunningService, new_worker, registered
from tests.service.calls.store import until
from tests.service.calls.words import ENGLISH, FRENCH, Tourist

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(lane="drill")]

RESCUED_S = 2.0
"""Seconds after the death of a worker until its caller hears speech again."""
DEADMAN_S = 8.0
"""Seconds after a worker hangs until its caller hears speech again."""


async def hears_an_answer(caller: Caller, tourist: Tourist) -> None:
    """The caller is in the middle of the answer."""
    await caller.press(tourist.key)
    await caller.ask(tourist.question)
    await caller.until(events.Decided)
    await caller.listen(1.5)


def speaks_again_within(heard: bytes, since: float, limit_s: float) -> None:
    """The silence after that moment is over in time."""
    silence = next(span for span in sounds.silences(heard) if span.end > since + sounds.SILENCE_S)
    assert silence.end - since < limit_s, silence


async def leaves_a_message(service: RunningService, caller: Caller, since: float) -> None:
    """The dialplan's apology in the caller's language, not in another, the beep, and a message after it."""
    caller.acts()
    await caller.until_beep()
    heard = sounds.cut(caller.heard(), since, caller.now)
    assert await service.share_of_phrase("fallback", "en", heard) > 0.8
    assert await service.share_of_phrase("fallback", "fr", heard) < 0.3
    await caller.speak(await caller.words(words.MESSAGE_EN))
    await caller.hang_up()


async def is_answered(service: RunningService, tourist: Tourist) -> None:
    """A new call works as if nothing had been."""
    async with service.call(tourist.lang, tourist.prefix) as caller:
        await caller.press(tourist.key)
        await caller.ask(tourist.question)
        decided = await caller.until(events.Decided)
        await caller.listen(1.0)
    assert decided.intent == tourist.intent


async def message_is_kept(service: RunningService, number: str, least_s: float = 6.0) -> None:
    """The message is stored and listed, with its text, number, language and call."""
    (message,) = await service.store.transcribed(number)
    assert message.seconds > least_s and "umbrella" in message.transcript
    assert (message.lang, message.why) == ("en", "fallback")
    assert message.call_id == (await service.store.call(number)).id
    assert message.id in {row["id"] for row in await service.rows("voicemails")}


async def asterisk_dies(drill: RunningService) -> None:
    """Asterisk is killed; until it is there again, with a worker."""
    pid = drill.asterisk.pid
    assert pid is not None
    await drill.asterisk.kill()

    async def restarted() -> bool:
        return drill.asterisk.pid not in (None, pid) and await drill.asterisk.healthy()

    await until(restarted, "Asterisk was not started again", 30)
    await registered(drill)


async def worker_dies(drill: RunningService, caller: Caller) -> float:
    """Kill the worker and wait until another has the caller; returns the moment of the kill in the caller's time."""
    pid, moment = drill.supervisor.worker_pid, caller.now
    os.kill(pid, signal.SIGKILL)
    caller.acts()
    await caller.until(events.CallStarted, lambda began: began.part > 0)
    return moment


async def test_killed_in_mid_answer(drill: RunningService) -> None:
    async with drill.call("en", ENGLISH.prefix) as caller:
        await hears_an_answer(caller, ENGLISH)
        moment = await worker_dies(drill, caller)
        await caller.ask(words.EIFFEL_PRICE)
        decided = await caller.until(events.Decided, lambda decided: decided.intent != ENGLISH.intent)
        await caller.listen(1.0)
        heard = sounds.cut(caller.heard(), moment, caller.now)
        assert await drill.share_of_phrase("apology_wait", "en", heard) > 0.8
        await caller.hang_up()
    speaks_again_within(caller.heard(), moment, RESCUED_S)
    record = await caller.record()
    assert (record.row.outcome, record.row.lang) == ("answered", "en")
    assert decided.decision == "answer"
    await is_answered(drill, ENGLISH)
    await drill.empty()


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_recogniser_is_lost_in_mid_question(drill: RunningService, harm: signal.Signals) -> None:
    """The caller is asked to press keys, the same worker goes on, and the next question is understood."""
    worker, lost = drill.supervisor.worker_pid, drill.supervisor.recogniser_pid
    async with drill.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        question = await caller.words(ENGLISH.question)
        await caller.hears_out()
        speaking = asyncio.create_task(caller.speak(question))
        await asyncio.sleep(seconds(question) - 0.5)
        os.kill(lost, harm)
        await speaking
        fault = await caller.until(events.Fault)
        moment = caller.now

        async def back() -> bool:
            return drill.supervisor.recogniser_pid != lost and hears(drill.supervisor, drill.log())

        await until(back, "the recogniser was not started again", 60)
        await caller.asks_for("eiffel.price", words.EIFFEL_PRICE)
        await caller.listen(1.0)
        await caller.hang_up()
    assert (fault.part, drill.supervisor.worker_pid) == ("recogniser", worker)
    after = [span.end - moment for span in sounds.silences(caller.heard()) if span.start <= moment < span.end]
    assert all(silence < RESCUED_S for silence in after), after
    await drill.empty()


@pytest.mark.parametrize("fault", ["slow", "error", "garbage"])
async def test_rasa_fails_in_mid_call(drill: RunningService, rasa_proxy: RasaProxy, fault: str) -> None:
    """The same questions get the same answers, from the classifier process."""
    async with drill.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        rasa_proxy.fault = fault
        try:
            await caller.ask(ENGLISH.question)
            await caller.until(events.Decided, lambda decided: decided.intent == ENGLISH.intent)
            await caller.listen(1.0)
            await caller.ask(words.EIFFEL_PRICE)
            await caller.until(events.Decided, lambda decided: decided.intent == "eiffel.price")
            await caller.listen(1.0)
        finally:
            rasa_proxy.fault = ""
        await caller.hang_up()
    record = await caller.record()
    assert {event.classifier for event in record.all(events.Understood)} == {"local"}
    assert [event.decision for event in record.all(events.Decided)] == ["answer", "answer"]
    assert not record.all(events.Fault) and "by_keys" not in record.prompts
    await asks_rasa_again(drill)
    await drill.empty()


async def asks_rasa_again(drill: RunningService) -> None:
    """Until the worker has noticed that Rasa answers."""

    async def back() -> bool:
        told = [
            line for line in drill.log().splitlines() if "until it does" in line or "answers again" in line
        ]
        return "answers again" in told[-1]

    await until(back, "Rasa is not asked again", 30)


async def test_rasa_and_the_classifier_process_fail_in_mid_call(
    drill: RunningService, rasa_proxy: RasaProxy
) -> None:
    """Topics by keys; the stopped process is replaced, and the next question is understood."""
    stopped = drill.supervisor.classifier_pid
    async with drill.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.until_prompt("how_can_i_help", "en")
        rasa_proxy.fault = "error"
        try:
            os.kill(stopped, signal.SIGSTOP)
            await caller.ask(ENGLISH.question)
            fault = await caller.until(events.Fault)
            await caller.until_prompt("by_keys", "en")

            async def back() -> bool:
                async with HttpClassifier.local(drill.settings.classifier_socket) as classifier:
                    return drill.supervisor.classifier_pid != stopped and await classifier.ready()

            await until(back, "the classifier process was not started again", 60)
            await caller.ask(words.EIFFEL_PRICE)
            await caller.until(events.Decided, lambda decided: decided.intent == "eiffel.price")
            await caller.listen(1.0)
        finally:
            rasa_proxy.fault = ""
        await caller.hang_up()
    assert fault.part == "nlu"
    record = await caller.record()
    assert [event.classifier for event in record.all(events.Understood)] == ["local"]
    await asks_rasa_again(drill)
    await drill.empty()


async def test_killed_for_the_second_time_in_one_call(drill: RunningService) -> None:
    async with drill.call("en", ENGLISH.prefix) as caller:
        await hears_an_answer(caller, ENGLISH)
        await worker_dies(drill, caller)
        await caller.listen(0.5)
        pid, moment = drill.supervisor.worker_pid, caller.now
        os.kill(pid, signal.SIGKILL)
        back = asyncio.create_task(new_worker(drill, pid))
        await leaves_a_message(drill, caller, moment)
    speaks_again_within(caller.heard(), moment, RESCUED_S)
    await back
    await message_is_kept(drill, caller.number)
    record = await caller.record()
    assert (record.row.outcome, record.row.ended_by) == ("message", "dialplan")
    await is_answered(drill, ENGLISH)
    await drill.empty()


async def test_hung_in_mid_answer(drill: RunningService) -> None:
    async with drill.call("en", ENGLISH.prefix) as caller:
        await hears_an_answer(caller, ENGLISH)
        pid, moment = drill.supervisor.worker_pid, caller.now
        os.kill(pid, signal.SIGSTOP)  # for good
        await leaves_a_message(drill, caller, moment)
    speaks_again_within(caller.heard(), moment, DEADMAN_S)
    await message_is_kept(drill, caller.number)
    await is_answered(drill, ENGLISH)
    await drill.empty()


async def test_what_cannot_be_started_again_yet_is_started_later(drill: RunningService) -> None:
    """Nothing can be started while its log cannot be opened."""
    logs, pid = drill.settings.state / "logs", drill.supervisor.worker_pid
    away = logs.rename(logs.with_name("logs.away"))
    logs.touch()
    try:
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(2.0)
        assert drill.supervisor.worker_pid == pid
    finally:
        logs.unlink()
        away.rename(logs)
    await new_worker(drill, pid)
    await is_answered(drill, FRENCH)
    await drill.empty()


async def test_asterisk_is_killed_while_calls_run(drill: RunningService) -> None:
    async with drill.call("fr", FRENCH.prefix) as one, drill.call("en", ENGLISH.prefix) as other:
        await asyncio.gather(hears_an_answer(one, FRENCH), hears_an_answer(other, ENGLISH))
        await asterisk_dies(drill)
    for caller in (one, other):
        record = await caller.record()
        assert record.row.outcome and record.row.recording
        kept = await asyncio.to_thread(read_audio, drill.settings.state / record.row.recording)
        assert seconds(kept) > 5.0
    await is_answered(drill, FRENCH)
    await drill.empty()


async def test_asterisk_is_killed_while_the_dialplan_takes_a_message(drill: RunningService) -> None:
    async with drill.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.listen(1.5)
        (caller_channel,) = [
            channel for channel in await drill.ari.channels() if channel.name.startswith("PJSIP/")
        ]
        await drill.ari.continue_in_dialplan(caller_channel.id, "fallback")
        await caller.until_beep()
        await caller.speak(await caller.words(words.MESSAGE_EN))
        await asterisk_dies(drill)
    await message_is_kept(drill, caller.number, least_s=5.0)  # a recording is written in pieces of 2 s
    await drill.empty()


async def test_asterisk_is_killed_while_a_message_is_left(drill: RunningService) -> None:
    async with drill.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(words.LEAVE_MESSAGE_EN)
        await caller.until_beep()
        await caller.speak(await caller.words(words.MESSAGE_EN))
        await asterisk_dies(drill)
    (message,) = await drill.store.transcribed(caller.number)
    assert message.seconds > 5.0 and "umbrella" in message.transcript
    await is_answered(drill, ENGLISH)
    await drill.empty()
