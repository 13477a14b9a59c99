"""Being put through to an adviser, and coming back."""

from __future__ import annotations

import pytest
from rapidfuzz import fuzz

from ivr.core import events
from ivr.core.audio import through_g711
from ivr.simulator.adviser import AdviserPlan
from ivr.speech.caller_voices import caller_wav
from tests.service.calls import sounds, words
from tests.service.calls.running_service import RunningService
from tests.service.calls.words import ENGLISH

TOLD_S = 4.0
"""Seconds that the adviser listens to the announcement before they accept the call."""

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(lane="desk")]


async def test_caller_and_adviser_talk_and_the_caller_comes_back(service: RunningService) -> None:
    greeting = caller_wav("en", words.ADVISER_EN)
    plan = AdviserPlan(after_s=2.0, keys_after_s=TOLD_S, say=(greeting,), hang_up_after_s=5.0)
    async with service.adviser(plan) as adviser, service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.listen(1.0)
        await caller.press("0")
        await caller.until_prompt("handoff", "en")
        await adviser.rung.wait()
        await caller.hears(through_g711(await caller.words(words.ADVISER_EN)))
        await caller.speak(await caller.words(ENGLISH.question))
        talk = await adviser.next_call()
        await caller.until_prompt("back_to_service", "en")
        await caller.ask(words.EIFFEL_PRICE)
        decided = await caller.until(events.Decided, lambda decided: decided.decision == "answer")
        await caller.listen(1.0)
    record = await caller.record()
    assert talk.answered and talk.ended_by == "adviser"
    told = await service.heard_as(talk.heard[: int(TOLD_S * 32_000)], "fr")
    assert fuzz.partial_ratio("anglais, demande un conseiller", told.casefold()) > 75, told
    [answered] = record.all(events.PersonAnswered)
    [left] = record.all(events.PersonLeft)
    assert answered.adviser == left.adviser == "desk" and left.by == "adviser"
    assert 0 < answered.waited_s < 20 and not record.all(events.QueueLeft)
    own = through_g711(await caller.words(ENGLISH.question))
    assert await sounds.share_of(own, talk.heard) > 0.7
    assert decided.intent == "eiffel.price"
    assert [(event.target, event.status) for event in record.all(events.HandOff)] == [
        ("desk-en", ""),
        ("", "CONTINUE"),
    ]
    assert await service.share_of_phrase("back_to_service", "en", record.heard) > 0.8
    handed_over = record.prompt("handoff")
    music = sounds.cut(
        record.heard,
        handed_over.start_s + handed_over.length_s + 0.5,
        handed_over.start_s + handed_over.length_s + 1.5,
    )
    assert sounds.sounds_between(music, 0, 1) > 0.5, "he waits without music"


async def test_an_adviser_who_is_cut_off_in_mid_sentence_leaves_no_caller_alone(
    service: RunningService,
) -> None:
    plan = AdviserPlan(say=(caller_wav("en", words.ADVISER_EN),), cut_off_s=2.5)
    async with service.adviser(plan) as adviser, service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.listen(1.0)
        await caller.press("0")
        talk = await adviser.next_call()
        await caller.until_prompt("back_to_service", "en")
        await caller.ask(words.EIFFEL_PRICE)
        decided = await caller.until(events.Decided, lambda decided: decided.decision == "answer")
    record = await caller.record()
    own = through_g711(await caller.words(words.ADVISER_EN))
    assert 0.1 < await sounds.share_of(own, record.heard) < 0.9, "it was to be half a sentence"
    assert talk.ended_by == "adviser" and [left.by for left in record.all(events.PersonLeft)] == ["adviser"]
    assert await service.share_of_phrase("back_to_service", "en", record.heard) > 0.8
    assert decided.intent == "eiffel.price"
