"""Orders by key and by voice in the middle of a call."""

from __future__ import annotations

import pytest

from ivr.core import events
from tests.service.calls import words
from tests.service.calls.running_service import HEARD, RunningService
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(early=True)]


async def test_repeat_slower_menu_language(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(ENGLISH.question)
        await caller.until(events.Decided)
        await caller.listen(2.0)
        await caller.press("*")
        await caller.listen(2.0)
        await caller.cut_in(words.MORE_SLOWLY, after_s=1.0)
        await caller.hears_out()
        await caller.press("#")
        await caller.hears_out()
        await caller.press("9")
        await caller.hears_out()
        await caller.speak(await caller.words(words.IN_GERMAN))
        await caller.until_prompt("how_can_i_help", "de")
    record = await caller.record()
    prompts = record.prompts[record.prompts.index(ENGLISH.intent) :]
    assert prompts == [
        *(ENGLISH.intent, ENGLISH.intent, ENGLISH.intent, "anything_else", "topics", "how_can_i_help"),
        *("language_which", "language_changed", "how_can_i_help"),
    ]  # fmt: skip
    plain, again, slow = (said for said in record.all(events.Said) if said.key == ENGLISH.intent)
    assert plain.interrupted and again.interrupted and not slow.interrupted
    assert again.length_s == plain.length_s and slow.length_s > 1.1 * plain.length_s
    assert await service.answer_in(record.audio_of(slow), "en") == ENGLISH.intent
    for key in ("topics", "language_which", "language_changed"):
        assert await service.share(record.prompt(key), record) > HEARD, key
    chosen = [(event.lang, event.how) for event in record.all(events.LanguageChosen)]
    assert chosen == [("en", "key"), ("de", "voice")] and record.row.lang == "de"
