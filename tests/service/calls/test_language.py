"""Which language? By voice, by simply asking, by saying nothing."""

from __future__ import annotations

import pytest

from ivr.core import events
from tests.service.calls import words
from tests.service.calls.running_service import HEARD, RunningService
from tests.service.calls.words import ENGLISH, FRENCH

pytestmark = pytest.mark.asterisk


@pytest.mark.side_by_side
@pytest.mark.parametrize(
    ("lang", "wish"), [("en", words.ENGLISH_PLEASE), ("es", words.SPANISH_PLEASE)], ids=["English", "Spanish"]
)
async def test_a_language_is_chosen_by_voice(service: RunningService, lang: str, wish: str) -> None:
    async with service.call(lang, FRENCH.prefix) as caller:
        await caller.cut_in(wish, after_s=1.5)
        chosen = await caller.until(events.LanguageChosen)
        await caller.hears_out()
    record = await caller.record()
    assert (chosen.lang, chosen.how) == (lang, "voice")
    assert record.row.lang == lang
    asked = record.prompt("how_can_i_help")
    assert asked.lang == lang
    assert await service.share(asked, record) > HEARD


@pytest.mark.side_by_side
async def test_a_caller_who_simply_asks_is_answered(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.cut_in(ENGLISH.question, after_s=1.5)
        chosen = await caller.until(events.LanguageChosen)
        decided = await caller.decided(ENGLISH.question)
        await caller.hears_out()
    record = await caller.record()
    assert (chosen.lang, chosen.how) == ("en", "question")
    assert (decided.decision, decided.intent) == ("answer", ENGLISH.intent)
    assert await service.answer_in(record.audio_of(record.prompt(ENGLISH.intent)), "en") == ENGLISH.intent


@pytest.mark.side_by_side(early=True)
async def test_silence_hears_the_menu_twice_then_french_and_english_go_on(service: RunningService) -> None:
    async with service.call("en", FRENCH.prefix) as caller:
        await caller.until_prompt("how_can_i_help", "en", timeout_s=80)
        await caller.ask(ENGLISH.question)
        decided = await caller.until(events.Decided)
        await caller.listen(1.0)
    record = await caller.record()
    menu = ["welcome", *["menu_line"] * 5]
    assert record.prompts[:14] == [*menu, *menu, "how_can_i_help", "how_can_i_help"]
    langs = [said.lang for said in record.all(events.Said)[:14]]
    assert langs[1:6] == langs[7:12] == ["fr", "en", "es", "de", "it"] and langs[12:] == ["fr", "en"]
    assert [said.interrupted for said in record.all(events.Said)[:14]] == [False] * 14
    assert decided.intent == ENGLISH.intent and record.row.lang == "en"
