"""Without recogniser, understanding or voice: topics by keys, a person, a message, and the dialplan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.call.dialogue.caller import CallerReply, PromptPart
from ivr.call.dialogue.script import Dialogue
from ivr.core.errors import CallEnded, RecogniserError, VoiceError
from tests.call.dialogue.scripted import (
    KEYS,
    LANGS,
    Leaves,
    ScriptedCaller,
    Turn,
    call,
    cries,
    key,
    make_content,
    says,
)

UNKNOWN = CallerReply(text="how much is the Eiffel Tower", confidence=0.9, spoke=True)
"""Heard, and no Rasa to say what it means."""
MENU = " ".join(["by_keys", *["topic_line"] * 5, "person_line"])


@pytest.mark.virtual_time
@pytest.mark.parametrize("lang", LANGS)
async def test_without_rasa_topics_are_chosen_by_keys(lang: str) -> None:
    story = await call(key(KEYS[lang]), replace(UNKNOWN, lang=lang), key("2"))
    assert story.said[-2:] == [MENU, "notredame.access anything_else"]
    assert story.decided == [("control", "menu"), ("answer", "notredame.access")]


@pytest.mark.virtual_time
async def test_without_rasa_the_key_for_a_person_works() -> None:
    story = await call(key("2"), UNKNOWN, key("0"))
    assert story.end == "transfer en"


@pytest.mark.virtual_time
@pytest.mark.parametrize("then", [UNKNOWN, CallerReply()])
async def test_who_presses_nothing_gets_a_person(then: CallerReply) -> None:
    story = await call(key("2"), UNKNOWN, then)
    assert story.end == "transfer en" and story.wanted == ["not-understood"]


@pytest.mark.virtual_time
async def test_rasa_may_be_back_and_an_emergency_needs_none() -> None:
    story = await call(key("2"), UNKNOWN, says("louvre.hours"))
    assert story.decided[-1] == ("answer", "louvre.hours")
    story = await call(key("2"), UNKNOWN, cries())
    assert story.decided[-1] == ("answer", "emergency")


class Unheard(ScriptedCaller):
    """Speech breaks the recogniser; keys are heard."""

    async def ask(self, *parts: PromptPart, **how: object) -> CallerReply:
        heard = await super().ask(*parts, **how)  # type: ignore[arg-type]
        if heard.spoke:
            raise RecogniserError("broken")
        return heard


async def unheard(*turns: Turn, number: str = "") -> ScriptedCaller:
    caller = Unheard(turns, number)
    with pytest.raises(CallEnded):
        await Dialogue(caller, make_content()).run()
    return caller


@pytest.mark.virtual_time
async def test_without_a_recogniser_topics_are_chosen_by_keys() -> None:
    caller = await unheard(key("2"), says("eiffel.price"), key("1"))
    assert caller.story.said[-2:] == [MENU, "eiffel.price anything_else"]


@pytest.mark.virtual_time
async def test_who_goes_on_speaking_gets_a_person() -> None:
    caller = await unheard(key("2"), says("eiffel.price"), says("eiffel.price"))
    assert caller.story.end == "transfer en"


@pytest.mark.virtual_time
async def test_first_words_that_cannot_be_heard_are_answered_in_the_language_of_the_callers_country() -> None:
    caller = await unheard(says("eiffel.price"), key("1"), number="+393331234567")
    assert caller.story.langs == [("it", "default")] and "eiffel.price" in caller.story.said[-1]


@pytest.mark.virtual_time
async def test_the_third_failure_is_left_to_the_dialplan() -> None:
    caller = Unheard([key("2"), *[says("eiffel.price")] * 3])
    caller.desk = None
    dialogue = Dialogue(caller, make_content("2026-11-24T22:30"))
    dialogue._responses.recogniser_failures = 2
    with pytest.raises(RecogniserError):
        await dialogue.run()


class Voiceless(ScriptedCaller):
    """Live prompt parts cannot be spoken."""

    async def ask(self, *parts: PromptPart, **how: object) -> CallerReply:
        if any(part.live for part in parts):
            raise VoiceError("no voice")
        return await super().ask(*parts, **how)  # type: ignore[arg-type]


@pytest.mark.virtual_time
async def test_a_caller_whose_number_cannot_be_read_back_leaves_a_message() -> None:
    caller = Voiceless([key("2"), says("callback"), Leaves(12.0), key("3")], "+33612345678")
    with pytest.raises(CallEnded):
        await Dialogue(caller, make_content()).run()
    assert caller.story.kept == [12.0] and caller.story.requests == []
