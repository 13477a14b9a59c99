"""The greeting and the language: chosen by key, voice, question or silence, and changed later."""

from __future__ import annotations

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
    names,
    says,
)

MENU = "welcome menu_line menu_line menu_line menu_line menu_line"
GREETED = "introduction how_can_i_help"
NATIVE = {"fr": "français", "en": "English please", "es": "español", "de": "Deutsch bitte", "it": "italiano"}


@pytest.mark.parametrize("lang", LANGS)
async def test_by_key(lang: str) -> None:
    story = await call(key(KEYS[lang]))
    assert story.langs == [(lang, "key")]
    assert story.said == [MENU, GREETED]
    assert {part.lang for part in story.parts[-2:]} == {lang}


@pytest.mark.parametrize("lang", LANGS)
async def test_by_voice(lang: str) -> None:
    story = await call(names(NATIVE[lang]))
    assert story.langs == [(lang, "voice")]
    assert story.said == [MENU, GREETED]


@pytest.mark.parametrize("lang", LANGS)
async def test_by_just_asking(lang: str) -> None:
    story = await call(says("navigo.pass", lang=lang))
    assert story.langs == [(lang, "question")]
    assert story.said == [MENU, "navigo.pass anything_else"]
    assert story.text("navigo.pass") == make_content().faq.entry("navigo.pass").answers[lang]


@pytest.mark.parametrize("lang", LANGS)
async def test_a_cry_for_help_needs_no_language_menu(lang: str) -> None:
    story = await call(cries(lang=lang))
    assert story.langs == [(lang, "question")]
    assert story.said[1].startswith("emergency")


async def test_every_line_of_the_menu_is_in_its_own_language_and_names_its_own_key() -> None:
    story = await call()
    lines = [part for part in story.parts if part.key == "menu_line"]
    assert [line.lang for line in lines] == list(LANGS)
    words = dict(zip(LANGS, ("un", "two", "tres", "vier", "cinque"), strict=True))
    assert all(words[line.lang] in line.text.lower() for line in lines)


async def test_all_languages_compete_for_the_first_words() -> None:
    assert (await call()).offered == [LANGS]


@pytest.mark.parametrize(
    ("number", "order"),
    [
        ("+34912345678", "es fr en de it"),
        ("0034912345678", "es fr en de it"),
        ("+4930123456", "de fr en es it"),
        ("+39061234567", "it fr en es de"),
        ("+442071234567", "en fr es de it"),
        ("0149521010", "fr en es de it"),
        ("+8190123456", "fr en es de it"),
        ("anonymous", "fr en es de it"),
        ("", "fr en es de it"),
    ],
)
async def test_the_language_of_the_calling_country_comes_first(number: str, order: str) -> None:
    story = await call(number=number)
    assert " ".join(part.lang for part in story.parts[1:]) == order
    assert story.parts[0].lang == order[:2], "the greeting too"


async def test_silence_is_answered_by_the_menu_once_more_then_french_and_english_go_on() -> None:
    story = await call(SILENCE, SILENCE)
    assert story.said == [MENU, MENU, "how_can_i_help how_can_i_help"]
    assert [part.lang for part in story.parts[-2:]] == ["fr", "en"]
    assert story.offered[-1] == ("fr", "en")


async def test_silence_and_then_a_question_in_english() -> None:
    story = await call(SILENCE, SILENCE, says("taxi", lang="en"))
    assert story.langs == [("en", "question")]
    assert story.said[-1] == "taxi anything_else"


async def test_silence_and_then_a_key() -> None:
    assert (await call(SILENCE, SILENCE, key("4"))).langs == [("de", "key")]


async def test_nothing_but_silence_goes_on_in_french() -> None:
    story = await call(SILENCE, SILENCE, SILENCE)
    assert story.langs == [("fr", "default")]
    assert story.said[-1] == GREETED


@pytest.mark.parametrize(
    "unclear", [key("7"), key("*"), key("#"), key("9"), mumbles(), names("français, English")]
)
async def test_what_is_no_choice_gets_the_menu_again(unclear: object) -> None:
    story = await call(unclear, key("3"))  # type: ignore[arg-type]
    assert story.said == [MENU, MENU, GREETED]
    assert story.langs == [("es", "key")]


async def test_an_italian_restaurant_is_a_question_and_no_choice_of_italian() -> None:
    story = await call(says("restaurants", text="an Italian restaurant", lang="en"))
    assert story.langs == [("en", "question")]


async def test_a_wish_for_another_language_in_a_whole_sentence_names_it() -> None:
    story = await call(says("change_language", text="could I have this in German", lang="en"))
    assert story.langs == [("de", "voice")]


async def test_key_zero_in_the_menu_is_a_person() -> None:
    story = await call(key("0"))
    assert story.said[1:] == ["handoff"] and story.end == "transfer fr"


async def test_a_question_between_two_subjects_settles_the_language_too() -> None:
    story = await call(between("louvre.hours", "louvre.price", lang="de"))
    assert story.langs == [("de", "question")] and story.said[-1] == "either"


# another language later


@pytest.mark.parametrize("lang", LANGS)
async def test_a_language_key_changes_the_language(lang: str) -> None:
    other = "en" if lang == "fr" else "fr"
    story = await call(key(KEYS[other]), key(KEYS[lang]))
    assert story.langs[-1] == (lang, "key")
    assert story.said[-1] == "language_changed how_can_i_help"
    assert story.parts[-1].lang == lang


@pytest.mark.parametrize("lang", LANGS)
async def test_a_language_named_in_the_conversation_is_taken_at_once(lang: str) -> None:
    other = "en" if lang == "fr" else "fr"
    story = await call(key(KEYS[other]), names(NATIVE[lang]))
    assert story.langs[-1] == (lang, "voice")
    assert story.said[-1] == "language_changed how_can_i_help"


async def test_a_language_named_within_an_order_is_taken_at_once() -> None:
    story = await call(key("1"), says("change_language", text="vous avez quelqu'un qui parle allemand"))
    assert story.langs[-1] == ("de", "voice")


@pytest.mark.parametrize("order", [key("9"), says("change_language", text="je ne parle pas français")])
async def test_an_order_without_a_name_asks_which(order: object) -> None:
    story = await call(key("1"), order, names("je préfère qu'on parle italien"))  # type: ignore[arg-type]
    assert story.said[2:] == ["language_which", "language_changed how_can_i_help"]
    assert story.langs[-1] == ("it", "voice")
    assert set(story.offered[2]) == set(LANGS)


async def test_no_language_named_twice_leaves_it_as_it_is() -> None:
    story = await call(key("2"), key("9"), SILENCE, mumbles())
    assert story.said[-3:] == ["language_which", "language_which", "how_can_i_help"]
    assert story.langs == [("en", "key")]


async def test_a_person_can_be_had_instead_of_another_language() -> None:
    assert (await call(key("2"), key("9"), key("0"))).end == "transfer en"


async def test_naming_the_language_that_is_spoken_changes_nothing() -> None:
    story = await call(key("2"), key("2"))
    assert story.langs == [("en", "key")] and story.said[-1] == "how_can_i_help"
