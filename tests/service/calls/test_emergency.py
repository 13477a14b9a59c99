"""Emergency words: the number first, at once, wherever the caller is in the call."""

from __future__ import annotations

import pytest

from ivr.core import events
from tests.service.calls import words
from tests.service.calls.caller import Record
from tests.service.calls.running_service import HEARD, RunningService
from tests.service.calls.words import ENGLISH, FRENCH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]


async def test_before_a_language_is_chosen(service: RunningService) -> None:
    async with service.call("fr", FRENCH.prefix) as caller:
        await caller.cut_in(words.AU_SECOURS, after_s=1.0)
        await caller.until_prompt("emergency", "fr")
    await gives_the_number_first(service, await caller.record(), "fr")


async def test_in_the_middle_of_an_answer(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(ENGLISH.question)
        await caller.until(events.Decided)
        await caller.cut_in(words.HEART_ATTACK, after_s=1.5)
        await caller.until_prompt("emergency", "en")
    await gives_the_number_first(service, await caller.record(), "en")


async def gives_the_number_first(service: RunningService, record: Record, lang: str) -> None:
    """Nothing is said between the cry for help and the number, and it is heard."""
    last = max(index for index, item in enumerate(record.story) if isinstance(item.event, events.Heard))
    after = [item.event for item in record.story[last:] if isinstance(item.event, events.Said)]
    assert (after[0].key, after[0].lang) == ("emergency", lang)
    assert await service.share(after[0], record) > HEARD
