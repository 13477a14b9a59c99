"""The way to a person, on real calls: refused, unanswered, given up, and advisers' states."""

from __future__ import annotations

import os
import signal

import pytest

from ivr.core import events
from ivr.core.audio import through_g711
from ivr.core.errors import AmiError
from ivr.simulator.adviser import AdviserPlan, Reaction
from ivr.simulator.scenario import CallSpec
from ivr.simulator.softphone import Credentials, Softphone
from ivr.speech.caller_voices import caller_wav
from tests.service.calls import sounds, words
from tests.service.calls.caller import Caller
from tests.service.calls.counting import by_hand
from tests.service.calls.running_service import ADVISER, RunningService, new_worker
from tests.service.calls.store import until
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(lane="queue")]
SECOND = "second"


async def asks_for_a_person(caller: Caller) -> None:
    await caller.press(ENGLISH.key)
    await caller.listen(0.5)
    await caller.press("0")


def talks(hang_up_after_s: float | None = 2.0, after_s: float = 0.5) -> AdviserPlan:
    """Accept the call and say a name."""
    greeting = caller_wav("en", words.ADVISER_EN)
    return AdviserPlan(after_s=after_s, say=(greeting,), hang_up_after_s=hang_up_after_s)


async def dials(desk: RunningService, code: str) -> None:
    """The adviser dials a code from their telephone, and hears the whole answer."""
    who = Credentials(ADVISER, desk.settings.secrets["ADVISER_PASSWORD"])
    async with Softphone(desk.settings, credentials=who) as phone:
        report = await phone.call(CallSpec(f"sip:{code}@127.0.0.1:{desk.settings.sip_port}"))
    assert report.ok and report.hangup_by == "service"


async def test_refused_by_one_and_taken_by_the_other_who_was_in_a_talk(desk: RunningService) -> None:
    async with desk.adviser(talks(10.0), SECOND) as second, desk.call("en", ENGLISH.prefix) as before:
        await asks_for_a_person(before)
        await before.until(events.PersonAnswered)
        plan = AdviserPlan(keys="2")
        async with desk.adviser(plan) as first, desk.call("en", ENGLISH.prefix) as caller:
            await asks_for_a_person(caller)
            refused = await first.next_call()
            since = caller.now
            await caller.until_time(since + 3.0)
            caller.acts()
            second.plan = talks()
            await caller.hears(through_g711(await caller.words(words.ADVISER_EN)), 60)
            await caller.until_prompt("back_to_service", "en")
    record = await caller.record()
    assert refused.answered and refused.ended_by == "caller"
    assert [event.adviser for event in record.all(events.Ringing)] == ["desk", SECOND]
    assert [event.adviser for event in record.all(events.PersonAnswered)] == [SECOND]
    assert [event.by for event in record.all(events.PersonLeft)] == ["adviser"]
    music = sounds.cut(record.heard, since, since + 3.0)
    assert sounds.sounds_between(music, 0, 3) > 2.0, "dead air after the refusal"


async def test_whom_everybody_refuses_is_told_so_and_called_back(desk: RunningService) -> None:
    async with desk.adviser(AdviserPlan(keys="2")) as adviser, desk.call("en", ENGLISH.prefix) as caller:
        await asks_for_a_person(caller)
        refused = await adviser.next_call()
        since = caller.now
        caller.acts()
        told = await caller.until_prompt("handoff_declined", "en")
        await caller.press("1")
        await caller.until(events.Said, lambda said: said.key.startswith("callback_"))
    record = await caller.record()
    assert refused.answered and told.start_s - since < 15, "he waits for nothing"
    assert [event.why for event in record.all(events.QueueLeft)] == ["declined"]
    assert [event.adviser for event in record.all(events.Ringing)] == ["desk"]


async def test_who_does_not_answer_twice_is_away_and_the_caller_may_leave_a_message(
    desk: RunningService,
) -> None:
    async with desk.adviser(AdviserPlan(Reaction.IGNORE)), desk.call("en", ENGLISH.prefix) as caller:
        await asks_for_a_person(caller)
        await caller.until_prompt("voicemail_intro", "en", 60)
        assert (await desk.states())[ADVISER] == "away"
    record = await caller.record()
    assert [event.why for event in record.all(events.QueueLeft)] == ["empty"]
    assert [event.adviser for event in record.all(events.Ringing)] == ["desk", "desk"]
    assert record.prompts[-3:] == ["handoff", "handoff_failed", "voicemail_intro"]


async def test_an_adviser_sets_their_state_by_a_code_and_it_survives_a_crash(
    desk: RunningService,
) -> None:
    async with desk.adviser(AdviserPlan()):
        for code, state in (("*51", "paused"), ("*52", "away"), ("*50", "available"), ("*51", "paused")):
            await dials(desk, code)
            assert (await desk.states())[ADVISER] == state, code
        await desk.asterisk.kill()

        async def paused() -> bool:
            try:
                return (await desk.states()).get(ADVISER) == "paused"
            except AmiError:
                return False

        await until(paused, "the state was forgotten")
        await desk.command("advisers", "resume", "desk")
        assert "paused" not in (await desk.states()).values()


@pytest.mark.parametrize(("key", "why"), [("1", "callback"), ("2", "message")])
async def test_a_key_instead_of_waiting(desk: RunningService, key: str, why: str) -> None:
    plan = AdviserPlan(Reaction.IGNORE)
    async with desk.adviser(plan) as adviser, desk.call("en", ENGLISH.prefix) as caller:
        await asks_for_a_person(caller)
        await adviser.rung.wait()
        await caller.press(key)
        left = await caller.until(events.QueueLeft)
        prompt = "voicemail" if why == "message" else why
        await caller.until(events.Said, lambda said: said.key.startswith(prompt))
    assert left.why == why


async def test_who_hangs_up_while_it_rings_stops_the_ringing(desk: RunningService) -> None:
    plan = AdviserPlan(Reaction.IGNORE)
    async with desk.adviser(plan) as adviser, desk.call("en", ENGLISH.prefix) as caller:
        await asks_for_a_person(caller)
        await adviser.rung.wait()
        await caller.hang_up()
        rung = await adviser.next_call()
        states = await desk.states()
    record = await caller.record(recording=False)
    assert not rung.answered and rung.ended_by == "caller"
    assert [event.why for event in record.all(events.QueueLeft)] == ["hang-up"]
    assert states[ADVISER] != "away"


async def test_the_queue_goes_on_when_the_application_is_killed(desk: RunningService) -> None:
    async with desk.adviser(talks(None, after_s=3.0)) as adviser, desk.call("en", ENGLISH.prefix) as caller:
        await asks_for_a_person(caller)
        await adviser.rung.wait()
        killed = desk.supervisor.worker_pid
        os.kill(killed, signal.SIGKILL)
        caller.acts()
        await caller.hears(through_g711(await caller.words(words.ADVISER_EN)))
        answered = await caller.until(events.PersonAnswered)
        await caller.hang_up()
        talk = await adviser.next_call()
        left = await caller.until(events.PersonLeft)
    assert talk.answered and talk.ended_by == "caller"
    assert answered.adviser == left.adviser == "desk" and left.by == "caller"
    await new_worker(desk, killed)  # the next one that rings is served


async def test_the_report_says_of_real_calls_what_one_counts_by_hand(desk: RunningService) -> None:
    async with desk.adviser(talks()) as adviser, desk.call("en", ENGLISH.prefix) as served:
        await asks_for_a_person(served)
        await served.until(events.PersonLeft)
        adviser.plan = AdviserPlan(Reaction.IGNORE)
        adviser.rung.clear()
        async with desk.call("en", ENGLISH.prefix) as gives_up:
            await asks_for_a_person(gives_up)
            await adviser.rung.wait()
    for caller in (served, gives_up):
        await caller.record(recording=False)

    async def agree() -> bool:
        [found] = [row for row in await desk.rows("report", "--since", "1d") if row["by"] == "all"]
        counted = by_hand(await desk.store.stories())
        disagree[:] = [(name, found[name], value) for name, value in counted.items() if found[name] != value]
        return not disagree and counted["answered"] > 0 and counted["abandonment"] > 0

    disagree: list[object] = []
    await until(agree, f"the report and the count disagree: {disagree}", 30)
