"""The media socket drops in mid-answer: the caller hears the answer nevertheless."""

from __future__ import annotations

import pytest

from ivr.core import events
from tests.service.calls import sounds
from tests.service.calls.running_service import RunningService
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]


async def test_the_answer_goes_on_though_it_drops_twice(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(ENGLISH.question)
        await caller.until(events.Decided)
        await caller.listen(2.5)
        await service.drop_media(await caller.call_id())
        dropped = caller.now
        await caller.listen(1.5)
        await service.drop_media(await caller.call_id())
        await caller.until_prompt("anything_else", "en")
    record = await caller.record()
    answer = record.prompt(ENGLISH.intent)
    assert not answer.interrupted and answer.start_s < dropped < answer.start_s + answer.length_s
    assert await service.share(answer, record) > 0.9
    after = sounds.first_sound(record.heard, dropped + 0.02)
    assert after is not None and after - dropped < 1.0
    assert await service.answer_in(record.audio_of(answer), "en") == ENGLISH.intent
