"""Interrupting: the service stops for speech and for keys, and does not stop for a cough."""

from __future__ import annotations

import statistics

import pytest

from ivr.core import events
from tests.service.calls import sounds, words
from tests.service.calls.running_service import RunningService
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]

SILENT_AFTER_S = 0.25
"""From the caller's first sound to our last one.  Of three times the one in the middle: a machine that is at other
calls may be late once; `ivr bench turns` measures each."""


async def test_the_service_falls_silent_when_the_caller_speaks(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        began = [await caller.cut_in(ENGLISH.question, after_s=1.2)]
        await caller.until(events.Decided)
        began.append(await caller.cut_in(words.EIFFEL_PRICE, after_s=2.5))
        await caller.until(events.Decided, lambda decided: decided.intent == "eiffel.price")
        began.append(await caller.cut_in(words.MORE_SLOWLY, after_s=2.5))
        await caller.until(events.Decided, lambda decided: decided.intent == "slower")
        await caller.listen(1.0)
    record = await caller.record()
    took: list[float] = []
    for moment in began:
        first = sounds.first_sound(record.said, moment)
        assert first is not None and first < moment + 1.0  # how late the caller's own telephone may be
        assert sounds.sounds_between(record.heard, first - 0.5, first) > 0.1, "nothing was interrupted"
        last = sounds.last_sound(record.heard, first + 1.2)
        assert last is not None
        took.append(last - first)
    assert statistics.median(took) <= SILENT_AFTER_S, took
    assert record.prompt(ENGLISH.intent).interrupted


async def test_a_key_interrupts(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(ENGLISH.question)
        await caller.until(events.Decided)
        await caller.listen(1.5)
        await caller.press("#")
        pressed = caller.acted
        await caller.until_prompt("topics", "en")
    record = await caller.record()
    assert record.prompt(ENGLISH.intent).interrupted
    assert record.prompt("topics").start_s - pressed < 0.5


async def test_a_cough_does_not_interrupt(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(ENGLISH.question)
        await caller.until(events.Decided)
        for noise in (sounds.hum(0.2), sounds.cough(0.22), sounds.hum(0.24, 210)):
            await caller.listen(2.0)
            await caller.sound(noise)
        await caller.until_prompt("anything_else", "en")
    record = await caller.record()
    answer = record.prompt(ENGLISH.intent)
    assert not answer.interrupted and answer.heard_s == pytest.approx(answer.length_s, abs=0.05)
    assert len(record.all(events.Heard)) == 1
    assert await service.share(answer, record) > 0.9
