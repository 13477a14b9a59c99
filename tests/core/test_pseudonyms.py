"""Numbers as the store keeps them, and numbers found again whichever way they are written."""

from __future__ import annotations

import pytest

from ivr.core.pseudonyms import Pseudonyms, canonical, forms, is_pseudonym, shown, written

OURS = Pseudonyms("a key")


def test_the_same_number_has_the_same_pseudonym_and_another_key_another_one() -> None:
    assert OURS.of("+33 1 49 52 10 10") == OURS.of("0033149521010") == OURS.of("+33149521010")
    assert OURS.of("+33149521010") != Pseudonyms("another key").of("+33149521010")
    assert OURS.of("+33149521010") != OURS.of("+33149521011")


def test_a_pseudonym_shows_two_digits_and_stays_what_it_is() -> None:
    made = OURS.of("+33149521078")
    assert is_pseudonym(made) and shown(made) == "…78" and "3314952" not in made
    assert OURS.of(made) == made and OURS.of("") == "" and shown("+331") == "+331"


@pytest.mark.parametrize("name", ["softphone", "100", "anonymous"])
def test_of_a_name_or_an_extension_nothing_is_shown(name: str) -> None:
    assert shown(OURS.of(name)) == "…"


def test_no_key_no_pseudonyms() -> None:
    with pytest.raises(ValueError, match="no key"):
        Pseudonyms("")


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("06 12 34 56 78", ["+33612345678", "33612345678", "0612345678"]),
        ("0033612345678", ["+33612345678", "33612345678", "0612345678"]),
        ("+44 20 7946 0000", ["+442079460000", "442079460000"]),
        ("softphone", ["softphone"]),
    ],
)  # fmt: skip
def test_a_number_is_looked_for_in_every_form(number: str, found: list[str]) -> None:
    assert forms(number, "+33") == found
    assert OURS.all_of(number, "+33") == [OURS.of(form) for form in found]


@pytest.mark.parametrize(
    "text",
    ["+33612345678", "0033612345678", "33612345678", "0612345678", "06 12 34 56 78", "06.12.34.56.78",
     "+33 6 12 34 56 78", "+33 (0)6 12 34 56 78", "06\u00a012\u00a034\u00a056\u00a078", "sip:+33612345678@host"],
)  # fmt: skip
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert written("+33612345678", "+33").search(text.encode())


@pytest.mark.parametrize("text", ["0612345679", "10612345678", "06123456789", "+44612345678"])
def test_another_number_is_not_found(text: str) -> None:
    assert not written("+33612345678", "+33").search(text.encode())


def test_a_number_abroad_is_found_too() -> None:
    pattern = written("+44 20 7946 0000", "+33")
    assert pattern.search(b"<sip:00442079460000@trunk>") and pattern.search(b"+44 20 7946 0000")
    assert not pattern.search(b"02079460000")


def test_a_number_is_written_in_one_way_inside() -> None:
    assert [canonical(text) for text in ("+33 (0)1", "0033 1-23", " desk ")] == ["+3301", "+33123", "desk"]
