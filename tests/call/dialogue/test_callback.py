"""Callbacks in five languages: the number, the window, the promise, and what may come instead."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ivr.call.dialogue.number_words import spoken
from tests.call.dialogue.scripted import (
    INTERNAL,
    KEYS,
    LANGS,
    NIGHT,
    SILENCE,
    Leaves,
    Story,
    Turn,
    call,
    cries,
    key,
    make_content,
    mumbles,
    says,
    speaks,
)

OWN = {
    "fr": "+33612345678",
    "en": "+442079460123",
    "es": "+34612345678",
    "de": "+4917139200123",
    "it": "+393331234567",
}
"""A number of each language's home."""
ALOUD = {
    "fr": ("zéro six douze trente-quatre cinquante-six soixante-dix-huit", "+33612345678"),
    "en": ("It's oh two oh, seven nine four six, oh one two three", "+442079460123"),
    "es": ("Es el seiscientos doce, treinta y cuatro, cincuenta y seis, setenta y ocho", "+34612345678"),
    "de": ("null eins sieben eins, neununddreißig zwanzig null eins dreiundzwanzig", "+4917139200123"),
    "it": ("tre tre tre, centoventitré, quarantacinque sessantasette", "+393331234567"),
}
READ_BACK = {
    "fr": ["zéro six,", "un deux,", "trois quatre,", "cinq six,", "sept huit."],
    "en": ["plus four four,", "two zero,", "seven nine four six,", "zero one two three."],
    "es": ["más tres cuatro,", "seis uno dos,", "tres cuatro,", "cinco seis,", "siete ocho."],
    "de": ["plus vier neun,", "eins sieben eins,", "drei neun zwei null,", "null eins zwei drei."],
    "it": ["più tre nove,", "tre tre tre,", "uno due tre,", "quattro cinque sei sette."],
}
FIRST = ("2026-11-24T11:00", "2026-11-24T12:00")
"""The first window at ten on that Tuesday."""
OFFER = "callback_own number number callback_own_ask"


def spans(story: Story) -> list[tuple[str, str]]:
    zone = make_content().callflow.hours.zone
    return [
        tuple(f"{dt.datetime.fromtimestamp(at, zone):%Y-%m-%dT%H:%M}" for at in (wish.start, wish.end))  # type: ignore[misc]
        for wish in story.requests
    ]


def menu(lang: str) -> Turn:
    return key(KEYS[lang])


def numbers_said(story: Story, at: int) -> list[str]:
    """The groups of digits in a prompt."""
    before = sum(len(said.split()) for said in story.said[:at])
    parts = story.parts[before : before + len(story.said[at].split())]
    return [part.text for part in parts if part.key == "number"]


@pytest.mark.parametrize("lang", LANGS)
async def test_the_calling_number_and_the_first_window(lang: str) -> None:
    story = await call(
        menu(lang),
        says("louvre.price"),
        says("callback"),
        says("yes"),
        key("1"),
        says("no"),
        number=OWN[lang],
    )
    groups = " ".join(["number"] * len(READ_BACK[lang]))
    assert story.said[3:] == [
        OFFER,
        "callback_when callback_window callback_window callback_window",
        f"callback_agreed callback_agreed_when {groups}",
        "anything_else",
        "goodbye",
    ]
    last = OWN[lang][-4:]
    assert numbers_said(story, 3) == [spoken(last[:2], lang) + ",", spoken(last[2:], lang) + "."]
    assert numbers_said(story, 5) == READ_BACK[lang]
    [wish] = story.requests
    assert (wish.number, wish.lang, wish.topic) == (OWN[lang], lang, "louvre.price")
    assert spans(story) == [FIRST]
    assert {part.lang for part in story.parts[10:]} == {lang}


@pytest.mark.parametrize("lang", LANGS)
async def test_a_number_by_voice_is_read_back_digit_by_digit(lang: str) -> None:
    text, number = ALOUD[lang]
    story = await call(menu(lang), says("callback"), speaks(text), says("yes"), key("2"), says("no"))
    assert story.said[2] == "callback_number" and story.keys[2] > 15
    assert story.said[3].startswith("callback_heard number") and story.said[3].endswith("callback_check")
    assert numbers_said(story, 3) == READ_BACK[lang]
    assert [wish.number for wish in story.requests] == [number]
    assert spans(story) == [("2026-11-24T13:00", "2026-11-24T14:00")]


@pytest.mark.parametrize("lang", LANGS)
async def test_a_number_by_keys(lang: str) -> None:
    story = await call(menu(lang), says("callback"), key("0033612345678"), key("1"), key("3"))
    assert [wish.number for wish in story.requests] == ["+33612345678"]
    assert spans(story) == [("2026-11-25T09:00", "2026-11-25T13:00")]


async def test_a_frenchman_abroad_reads_his_number_as_at_home() -> None:
    story = await call(
        menu("fr"), says("callback"), key("2"), key("02079460123"), key("1"), key("1"), number="+442079460999"
    )
    assert [wish.number for wish in story.requests] == ["+442079460123"]


@pytest.mark.parametrize("other", [key("2"), says("no"), SILENCE])
async def test_another_number_than_the_calling_one(other: Turn) -> None:
    twice = [other] * (2 if other == SILENCE else 1)
    story = await call(
        menu("fr"),
        says("callback"),
        *twice,
        key("0140205050"),
        says("yes"),
        SILENCE,
        SILENCE,
        number=OWN["fr"],
    )
    assert "callback_number" in story.said
    assert [wish.number for wish in story.requests] == ["+33140205050"]


async def test_another_number_said_at_once_is_not_asked_for_again() -> None:
    no = replace(says("no"), text="non, plutôt le 01 40 20 50 50")
    story = await call(menu("fr"), says("callback"), no, says("yes"), key("1"), number=OWN["fr"])
    assert "callback_number" not in story.said
    assert [wish.number for wish in story.requests] == ["+33140205050"]


@pytest.mark.parametrize("lang", LANGS)
async def test_a_number_misheard_is_corrected(lang: str) -> None:
    text, number = ALOUD[lang]
    story = await call(
        menu(lang), says("callback"), key("0140205051"), key("2"), speaks(text), says("yes"), key("1")
    )
    assert [said.split()[0] for said in story.said[2:6]] == [
        "callback_number", "callback_heard", "callback_number_again", "callback_heard",
    ]  # fmt: skip
    assert [wish.number for wish in story.requests] == [number]


async def test_the_correction_may_come_with_the_no() -> None:
    no = replace(says("no"), text="no, it is 020 7946 0123")
    story = await call(menu("en"), says("callback"), key("0140205051"), no, says("yes"), key("1"))
    assert story.said.count("callback_number_again") == 0
    assert [wish.number for wish in story.requests] == ["+442079460123"]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("tries", [[mumbles(), mumbles()], [SILENCE, SILENCE], [key("12"), key("#")]])
async def test_no_number_after_two_tries_means_a_message(lang: str, tries: list[Turn]) -> None:
    story = await call(menu(lang), says("callback"), *tries, Leaves(12.0), key("3"))
    assert story.said[2:] == [
        "callback_number", "callback_number_again", "callback_failed", "voicemail_intro", "voicemail_review",
        "voicemail_sent", "anything_else",
    ]  # fmt: skip
    assert story.requests == [] and story.kept == [12.0]


async def test_a_premium_number_is_not_called_and_another_is_asked_for() -> None:
    story = await call(menu("fr"), says("callback"), key("0892700900"), key("0612345678"), key("1"), key("1"))
    assert story.said[2:5] == ["callback_number", "callback_not_callable", "callback_number_again"]
    assert [wish.number for wish in story.requests] == ["+33612345678"]


async def test_who_withholds_their_number_is_offered_a_message() -> None:
    story = await call(menu("fr"), says("callback"), Leaves(12.0), key("3"), number="")
    assert story.said[2] == "callback_intro voicemail_intro" or story.said[2].startswith("callback_intro")
    assert story.requests == [] and story.kept == [12.0]


async def test_the_office_calls_so_many_other_numbers_a_day() -> None:
    full = replace(make_content(), callbacks_elsewhere=lambda: 20)
    story = await call(menu("fr"), says("callback"), Leaves(12.0), key("3"), at=full)
    assert story.requests == [] and story.kept == [12.0]
    own = await call(menu("fr"), says("callback"), key("1"), key("1"), at=full, number=OWN["fr"])
    assert [wish.number for wish in own.requests] == [OWN["fr"]]


async def test_a_call_is_promised_two_callbacks_at_most() -> None:
    asks = [says("callback"), key("1"), key("1")]
    story = await call(menu("fr"), *asks, *asks, says("callback"), Leaves(12.0), key("3"), number=OWN["fr"])
    assert len(story.requests) == 2 and story.kept == [12.0]


@pytest.mark.parametrize(
    ("lang", "keyed", "whole"),
    [
        ("it", "0669821234", "+390669821234"),
        ("it", "0612345678", "+33612345678"),
        ("de", "0612345678", "+33612345678"),
        ("de", "0301234567", "+49301234567"),
    ],
)
async def test_a_number_of_several_countries_is_asked_for_with_its_country(
    lang: str, keyed: str, whole: str
) -> None:
    story = await call(menu(lang), says("callback"), key(keyed), key("00" + whole[1:]), key("1"), key("1"))
    assert story.said[2:4] == ["callback_number", "callback_country"]
    assert [wish.number for wish in story.requests] == [whole]


@pytest.mark.parametrize("lang", ["it", "de"])
async def test_a_number_that_stays_doubtful_is_not_called(lang: str) -> None:
    twice = [key("0612345678"), key("0612345678")]
    story = await call(menu(lang), says("callback"), *twice, *twice, Leaves(12.0), key("3"))
    assert story.requests == [] and story.kept == [12.0]


@pytest.mark.parametrize(
    ("keyed", "aloud"), [("0470123456", "plus trois trois,"), ("0791234567", "plus trois trois,")]
)
async def test_the_country_is_read_out_where_a_neighbours_mobile_has_the_same_number(
    keyed: str, aloud: str
) -> None:
    story = await call(menu("fr"), says("callback"), key(keyed))
    assert numbers_said(story, 3)[0] == aloud


@pytest.mark.parametrize("number", ["anonymous", "+33892700900", "+18765551234", INTERNAL])
async def test_a_calling_number_that_cannot_be_called_is_not_offered(number: str) -> None:
    story = await call(menu("fr"), says("callback"), number=number)
    assert story.said[2] == "callback_number"


# the window


@pytest.mark.parametrize(
    ("lang", "text"),
    [("fr", "demain matin"), ("en", "tomorrow morning please"), ("es", "mañana por la mañana"),
     ("de", "morgen Vormittag"), ("it", "domani mattina")],
)  # fmt: skip
async def test_a_window_by_voice(lang: str, text: str) -> None:
    story = await call(menu(lang), says("callback"), key("1"), speaks(text), number=OWN[lang])
    assert spans(story) == [("2026-11-25T09:00", "2026-11-25T13:00")]


@pytest.mark.parametrize("turns", [[SILENCE, SILENCE], [says("yes")], [mumbles(), mumbles()]])
async def test_who_does_not_choose_gets_the_first(turns: list[Turn]) -> None:
    story = await call(menu("fr"), says("callback"), key("1"), *turns, number=OWN["fr"])
    assert spans(story) == [FIRST] and "callback_agreed" in story.said[-2]


async def test_a_caller_whom_no_window_suits_leaves_a_message_with_a_better_time() -> None:
    story = await call(menu("fr"), says("callback"), key("1"), says("no"), Leaves(8.0), number=OWN["fr"])
    assert story.said[-2:] == ["callback_intro", "voicemail_review"] and story.requests == []


async def test_at_night_tomorrow_is_offered() -> None:
    story = await call(
        menu("en"), says("callback"), key("1"), key("1"), at=make_content(NIGHT), number=OWN["en"]
    )
    assert spans(story) == [("2026-11-25T09:00", "2026-11-25T13:00")]
    assert "For tomorrow morning, press one." in [part.text for part in story.parts]


async def test_a_caller_who_hangs_up_after_the_number_is_settled_is_called_in_the_first_window() -> None:
    story = await call(menu("fr"), says("callback"), key("1"), number=OWN["fr"])
    assert story.end == "hang-up" and spans(story) == [FIRST]


async def test_who_hangs_up_before_is_not() -> None:
    story = await call(menu("fr"), says("callback"), key("2"), key("0612345678"), number=OWN["fr"])
    assert story.end == "hang-up" and story.requests == []


# what comes instead


@pytest.mark.parametrize("lang", LANGS)
async def test_who_has_asked_often_enough_is_told_kindly_and_may_leave_a_message(lang: str) -> None:
    often = replace(make_content(), callbacks_asked=lambda number: 3 if number == OWN[lang] else 0)
    story = await call(menu(lang), says("callback"), Leaves(9.0), key("3"), at=often, number=OWN[lang])
    assert story.said[2:5] == ["callback_limit", "voicemail_intro", "voicemail_review"]
    assert story.requests == [] and story.kept == [9.0]


async def test_a_number_of_somebody_else_is_not_called_too_often_either() -> None:
    often = replace(make_content(), callbacks_asked=lambda number: 3 if number == "+33140205050" else 0)
    story = await call(menu("fr"), says("callback"), key("0140205050"), says("yes"), Leaves(9.0), at=often)
    assert "callback_limit" in story.said and story.requests == []


@pytest.mark.parametrize("before", [[], [key("0612345678")], [key("0612345678"), key("1")]])
async def test_an_emergency_comes_first(before: list[Turn]) -> None:
    story = await call(menu("fr"), says("callback"), *before, cries())
    assert story.said[-1].startswith("emergency") and story.requests == []


@pytest.mark.parametrize(("intent", "end"), [("human", "transfer fr"), ("goodbye", "goodbye")])
async def test_who_would_rather_do_something_else(intent: str, end: str) -> None:
    story = await call(menu("fr"), says("callback"), says(intent))
    assert story.end == end and story.requests == []
