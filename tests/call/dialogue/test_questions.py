"""Questions that are answered, asked back or not understood; orders about the answer; emergencies; silence."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.call.dialogue.scripted import (
    KEYS,
    LANGS,
    SILENCE,
    between,
    call,
    cries,
    key,
    make_content,
    mumbles,
    says,
)

EN = key("2")
ANSWERED = "navigo.pass anything_else"
PARDON = "not_understood reprompt_examples"


@pytest.mark.parametrize("lang", LANGS)
async def test_a_question_is_answered_in_the_callers_language(lang: str) -> None:
    story = await call(key(KEYS[lang]), says("navigo.pass"))
    assert story.said[-1] == ANSWERED
    assert story.text("navigo.pass") == make_content().faq.entry("navigo.pass").answers[lang]
    assert story.decided == [("answer", "navigo.pass")]


@pytest.mark.parametrize("lang", LANGS)
async def test_every_topic_has_an_answer(lang: str) -> None:
    faq = make_content().faq
    topics = [intent for intent in faq.intents if faq.kind(intent) == "faq"]
    story = await call(key(KEYS[lang]), *(says(intent) for intent in topics))
    for intent, said in zip(topics, story.said[2:], strict=True):
        assert said.split()[-2:] == [intent, "anything_else"]


# asking back


@pytest.mark.parametrize("lang", LANGS)
async def test_a_likely_subject_is_confirmed_by_its_name(lang: str) -> None:
    story = await call(key(KEYS[lang]), says("luggage", sure=0.45), says("yes"))
    assert story.said[2:] == ["confirm", "luggage anything_else"]
    assert make_content().faq.name("luggage", lang) in story.text("confirm")


@pytest.mark.parametrize(("sure", "heard"), [(0.75, 0.4), (0.95, 0.2)])
async def test_badly_heard_words_are_confirmed(sure: float, heard: float) -> None:
    assert (await call(EN, says("luggage", sure=sure, heard=heard))).said[-1] == "confirm"


async def test_doubtful_words_of_certain_meaning_are_answered() -> None:
    assert (await call(EN, says("luggage", sure=0.95, heard=0.4))).said[-1] == "luggage anything_else"


async def test_no_to_the_confirmation_is_a_question_not_understood() -> None:
    assert (await call(EN, says("luggage", sure=0.45), says("no"))).said[-1] == PARDON


async def test_anything_else_said_to_the_confirmation_is_a_new_turn() -> None:
    story = await call(EN, says("luggage", sure=0.45), says("taxi"))
    assert story.said[-1] == "taxi anything_else"
    story = await call(EN, says("luggage", sure=0.45), key("#"))
    assert story.said[-1] == "topics how_can_i_help"


async def test_silence_to_the_confirmation_is_a_question_not_understood() -> None:
    assert (await call(EN, says("luggage", sure=0.45), SILENCE)).said[-1] == PARDON


async def test_an_unsure_order_is_confirmed_and_then_carried_out() -> None:
    story = await call(EN, says("human", sure=0.4), says("yes"))
    assert story.said[2:] == ["confirm", "handoff"] and story.end == "transfer en"


@pytest.mark.parametrize("lang", LANGS)
async def test_two_close_subjects_are_both_named(lang: str) -> None:
    story = await call(
        key(KEYS[lang]), between("notredame.hours", "notredame.access"), says("notredame.access")
    )
    assert story.said[2:] == ["either", "notredame.access anything_else"]
    for intent in ("notredame.hours", "notredame.access"):
        assert make_content().faq.name(intent, lang) in story.text("either")


@pytest.mark.parametrize(
    ("reply", "then"),
    [
        (says("yes"), "notredame.hours anything_else"),
        (says("no"), PARDON),
        (SILENCE, PARDON),
        (mumbles(), PARDON),
        (says("taxi"), "taxi anything_else"),
        (key("#"), "topics how_can_i_help"),
    ],
    ids=["yes is the first", "no is neither", "silence", "mumbling", "another question", "a key"],
)
async def test_other_replies_to_two_close_subjects(reply: object, then: str) -> None:
    story = await call(EN, between("notredame.hours", "notredame.access"), reply)  # type: ignore[arg-type]
    assert story.said[-1] == then


# not understood


@pytest.mark.parametrize("lang", LANGS)
async def test_one_pardon_with_examples_then_a_person(lang: str) -> None:
    story = await call(key(KEYS[lang]), mumbles(), mumbles())
    assert story.said[2:] == [PARDON, "handoff"]
    assert story.decided == [("reprompt", "oos"), ("handoff", "human")]
    assert story.end == f"transfer {lang}"


@pytest.mark.parametrize(
    "unclear",
    [mumbles(), says("louvre.price", sure=0.08), says("louvre.price", heard=0.04), says("oos", sure=0.99)],
    ids=["out of scope", "unlikely", "badly heard", "surely out of scope"],
)
async def test_what_counts_as_not_understood(unclear: object) -> None:
    assert (await call(EN, unclear)).said[-1] == PARDON  # type: ignore[arg-type]


@pytest.mark.parametrize("between_them", [says("taxi"), says("menu"), key("#")])
async def test_a_success_in_between_starts_the_count_anew(between_them: object) -> None:
    story = await call(EN, mumbles(), between_them, mumbles())  # type: ignore[arg-type]
    assert story.said[-1] == PARDON


@pytest.mark.parametrize(("remark", "then"), [("greeting", "how_can_i_help"), ("thanks", "anything_else")])
async def test_politeness_is_returned(remark: str, then: str) -> None:
    assert (await call(EN, says(remark))).said[-1] == then


# the topic


@pytest.mark.parametrize("lang", LANGS)
async def test_a_follow_up_stays_in_the_topic(lang: str) -> None:
    story = await call(key(KEYS[lang]), says("eiffel.hours"), says("follow.price"), says("follow.children"))
    assert story.said[2:] == ["eiffel.hours anything_else"] + ["eiffel.price anything_else"] * 2


async def test_a_follow_up_without_a_topic_is_not_understood() -> None:
    assert (await call(EN, says("follow.price"))).said[-1] == PARDON


# the day


@pytest.mark.parametrize("lang", LANGS)
async def test_on_a_tuesday_the_louvre_is_said_to_be_closed_first(lang: str) -> None:
    story = await call(key(KEYS[lang]), says("louvre.hours"))
    line, answer = (part.text for part in story.parts[-3:-1])
    entry = make_content().faq.entry("louvre.hours")
    assert (line, answer) == (entry.today[0].say[lang], entry.answers[lang])


async def test_on_a_wednesday_it_is_not() -> None:
    story = await call(EN, says("louvre.hours"), at=make_content("2026-11-25T10:00"))
    assert story.said[-1] == "louvre.hours anything_else"


@pytest.mark.parametrize("lang", LANGS)
async def test_an_expired_answer_gives_way_to_the_safe_sentence(lang: str) -> None:
    until = make_content().faq.entry("eiffel.price").valid_until
    assert isinstance(until, dt.date)
    last, after = until.isoformat(), (until + dt.timedelta(days=1)).isoformat()
    ask = key(KEYS[lang]), says("eiffel.price")
    fresh = await call(*ask, at=make_content(f"{last}T10:00"))
    assert fresh.text("eiffel.price") == make_content().faq.entry("eiffel.price").answers[lang]
    old = await call(*ask, at=make_content(f"{after}T10:00"))
    assert old.text("eiffel.price") == make_content().phrases.text(lang, "expired")


# emergencies


@pytest.mark.parametrize("lang", LANGS)
async def test_an_emergency_gets_the_number_at_once_and_nothing_is_asked_back(lang: str) -> None:
    story = await call(key(KEYS[lang]), cries())
    assert story.said[-1] == "emergency emergency"
    assert story.parts[-2].text == make_content().phrases.text(lang, "emergency")


@pytest.mark.parametrize(
    "question", [says("luggage", sure=0.45), between("louvre.hours", "louvre.price"), key("9")]
)
async def test_an_emergency_is_heard_in_the_middle_of_any_question(question: object) -> None:
    assert (await call(EN, question, cries())).said[-1] == "emergency emergency"  # type: ignore[arg-type]


async def test_a_likely_emergency_is_not_asked_back_either() -> None:
    assert (await call(EN, says("emergency", sure=0.4))).said[-1].startswith("emergency")


# orders about the answer


@pytest.mark.parametrize("order", [says("repeat"), key("*")])
async def test_repeat(order: object) -> None:
    story = await call(EN, says("louvre.hours"), order)  # type: ignore[arg-type]
    assert story.said[-1] == story.said[-2] == "louvre.hours louvre.hours anything_else"


@pytest.mark.parametrize("lang", LANGS)
async def test_slower_says_the_answer_slowly(lang: str) -> None:
    story = await call(key(KEYS[lang]), says("taxi"), says("slower"))
    assert [part.slow for part in story.parts[-4:]] == [False, False, True, False]
    assert story.parts[-2].text == story.parts[-4].text


async def test_repeat_before_any_answer_says_so() -> None:
    assert (await call(EN, key("*"))).said[-1] == "repeat_nothing"


async def test_an_answer_is_not_repeated_in_another_language() -> None:
    assert (await call(EN, says("taxi"), key("1"), key("*"))).said[-1] == "repeat_nothing"


@pytest.mark.parametrize("order", [says("menu"), key("#")])
async def test_menu_tells_the_topics(order: object) -> None:
    assert (await call(EN, order)).said[-1] == "topics how_can_i_help"  # type: ignore[arg-type]


async def test_yes_to_anything_else_asks_what() -> None:
    assert (await call(EN, says("taxi"), says("yes"))).said[-1] == "how_can_i_help"
