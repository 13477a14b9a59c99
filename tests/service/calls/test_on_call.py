"""A real call that leaves an empty queue and rings the telephone on call."""

from __future__ import annotations

import pytest

from ivr.asterisk import queues
from ivr.core import events
from ivr.core.audio import through_g711
from ivr.core.vocabulary import AdviserState
from ivr.simulator.adviser import AdviserPlan, Reaction
from ivr.speech.caller_voices import caller_wav
from tests.service.calls import words
from tests.service.calls.running_service import ADVISER, RunningService
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(lane="drill")]
ON_CALL = "oncall"
"""The endpoint of the telephone on call, and its name in the queue log."""


async def test_a_caller_whose_queue_empties_is_put_through_to_the_telephone_on_call(
    drill: RunningService,
) -> None:
    plan = AdviserPlan(say=(caller_wav("en", words.ADVISER_EN),), hang_up_after_s=2.0)
    async with (
        drill.phone.adviser(ON_CALL, plan) as on_call,
        drill.adviser(AdviserPlan(Reaction.IGNORE)) as adviser,
        drill.call("en", ENGLISH.prefix) as caller,
    ):
        await caller.press(ENGLISH.key)
        await caller.listen(0.5)
        await caller.press("0")
        await adviser.rung.wait()
        async with queues.connect(drill.settings) as ami:
            await queues.set_state(ami, ADVISER, AdviserState.AWAY)
        await caller.hears(through_g711(await caller.words(words.ADVISER_EN)), 60)
        talk = await on_call.next_call()
        await caller.until_prompt("back_to_service", "en")
    record = await caller.record()
    assert talk.answered and talk.ended_by == "adviser"
    assert [event.why for event in record.all(events.QueueLeft)] == ["empty"]
    assert [event.why for event in record.all(events.PersonWanted)] == ["key", "asked"]
    assert [(event.target, event.status) for event in record.all(events.HandOff)] == [
        ("desk-en", ""), ("", "LEAVEEMPTY"), (ON_CALL, ""), ("", "CONTINUE"),
    ]  # fmt: skip
    [answered] = record.all(events.PersonAnswered)
    assert answered.adviser == ON_CALL and 0 < answered.waited_s < 20
    assert record.prompts.count("handoff") == 2 and not record.all(events.Fault)
