"""Digits as callers say them and as recognisers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from ivr.call.dialogue.number_words import numbers_in, said, spoken
from ivr.core.text import LANGUAGES

FRENCH = "0612345678"


@pytest.mark.parametrize(
    ("lang", "text", "digits"),
    [
        ("fr", "zéro six douze trente-quatre cinquante-six soixante-dix-huit", FRENCH),
        ("fr", "Alors, c'est le 06 12 34 56 78.", FRENCH),
        ("fr", "06.12.34.56.78", FRENCH),
        ("fr", "zéro 6 12 trente quatre, 56... soixante dix huit", FRENCH),
        ("fr", "un instant, c'est un numéro français : zéro six, euh, douze, 34 56 78", FRENCH),
        ("fr", "zéro un quarante-deux quatre-vingts vingt nonante", "0142802090"),
        ("fr", "zéro un quatre-vingt-dix-huit quatre-vingt-onze zéro zéro dix", "0198910010"),
        ("fr", "plus trente-trois six cent douze 345 678", "+33612345678"),
        ("en", "oh seven seven double oh, nine hundred, one two three", "07700900123"),
        ("en", "it's +44 20 7946 0123", "+442079460123"),
        ("en", "zero two zero, seven nine four six, triple one two", "02079461112"),
        ("es", "seiscientos doce, treinta y cuatro, cincuenta y seis, setenta y ocho", "612345678"),
        ("es", "más treinta y cuatro, nueve uno dos, 34 56 78", "+34912345678"),
        ("de", "null eins sieben eins, neununddreißig zwanzig null eins dreiundzwanzig", "017139200123"),
        ("de", "null eins fünf zwo doppel drei", "015233"),
        ("it", "tre tre tre, centoventitré quarantacinque sessantasette", "3331234567"),
        ("it", "più trentanove zero sei, doppio uno", "+390611"),
    ],
)
def test_what_was_said(lang: str, text: str, digits: str) -> None:
    assert said(text, lang) == digits


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "...", "Louvre", "bonjour madame"])
def test_no_digits(lang: str, text: str) -> None:
    assert said(text, lang) == ""


@given(st.sampled_from(LANGUAGES), st.text("0123456789", min_size=2, max_size=15))
def test_what_we_read_aloud_is_heard_again(lang: str, digits: str) -> None:
    assert said(spoken(digits, lang), lang) == digits
    assert said(spoken("+" + digits, lang), lang) == "+" + digits


@given(st.lists(st.integers(21, 99), min_size=2, max_size=5))
def test_pairs(pairs: list[int]) -> None:
    words = " ".join(str(num2words(pair, lang="de")) for pair in pairs)
    assert said(words, "de") == "".join(map(str, pairs))


@pytest.mark.parametrize(
    ("lang", "text", "hours"),
    [("fr", "vers seize heures", {16}), ("en", "at four, please", {4}), ("de", "um 17 Uhr", {17}),
     ("es", "a las cinco de la tarde", {5}), ("it", "alle sedici o alle diciassette", {16, 17})],
)  # fmt: skip
def test_numbers_by_themselves(lang: str, text: str, hours: set[int]) -> None:
    assert numbers_in(text, lang) == hours
