"""Telephone numbers: plans of their countries, and which of them we call."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from ivr.content.callflow import CallbackSettings, load_callflow, phone_numbers
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "regions", "number"),
    [
        ("0612345678", ["FR"], "+33612345678"),
        ("0033612345678", ["FR"], "+33612345678"),
        ("+442079460123", ["FR"], "+442079460123"),
        ("02079460123", ["GB", "FR"], "+442079460123"),
        ("017139200123", ["FR", "DE"], "+4917139200123"),
        ("612345678", ["FR", "ES"], "+34612345678"),
        ("3331234567", ["FR", "IT"], "+393331234567"),
        ("0612345678", ["GB", "FR"], "+33612345678"),
        ("061234567", ["FR"], ""),
        ("06123456789", ["FR"], ""),
        ("112", ["FR"], ""),
        ("", ["FR"], ""),
        ("anonymous", ["FR"], ""),
        ("+999123456", ["FR"], ""),
    ],
)
def test_a_number_with_its_country(text: str, regions: list[str], number: str) -> None:
    assert phone_numbers.e164(text, regions) == number


@pytest.mark.parametrize(
    ("number", "groups"),
    [
        ("+33612345678", ("06", "12", "34", "56", "78")),
        ("+442079460123", ("+44", "20", "7946", "0123")),
        ("+34612345678", ("+34", "612", "34", "56", "78")),
        ("+4917139200123", ("+49", "171", "3920", "0123")),
        ("+393331234567", ("+39", "333", "123", "4567")),
    ],
)
def test_groups_of_the_number_s_own_country(number: str, groups: tuple[str, ...]) -> None:
    assert phone_numbers.groups(number, "FR") == groups


@pytest.mark.parametrize(
    "number",
    [
        "+33892700900",  # premium
        "+33810123456",  # shared cost
        "+33800123456",  # free of charge: a company's hot line, not a caller's telephone
        "+18765551234",  # Jamaica, under the +1 of the United States
        "+88216123456",  # satellite
        "+447012345678", "+4970012345678", "+41878123456", "+391781234567", "+34701234567",  # personal numbers
        "+33112", "112", "+339", "0612345678", "", "+336123456789",
    ],
)  # fmt: skip
def test_what_is_never_called(number: str) -> None:
    assert not load_callflow(ROOT).callback.allows(number)


@pytest.mark.parametrize(
    "number",
    ["+33612345678", "+33140205050", "+442079460123", "+4917139200123", "+34612345678", "+393331234567",
     "+12025550123", "+262692123456"],
)  # fmt: skip
def test_callers_of_the_countries_in_the_file_are_called(number: str) -> None:
    assert load_callflow(ROOT).callback.allows(number)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_only_ordinary_kinds_of_numbers_are_called_in_any_country(region: str) -> None:
    rules = CallbackSettings(countries=sorted(phone_numbers.COUNTRIES))
    ordinary = {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
    }
    for kind in PhoneNumberType.values():
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        found = phonenumbers.number_type(example)
        assert not rules.allows(number) or found in ordinary, f"{number} is of kind {found}"


def test_beginnings_that_the_office_refuses() -> None:
    assert not CallbackSettings(refused=["+3361"]).allows("+33612345678")
    assert CallbackSettings(refused=["+3361"]).allows("+33781234567")
    assert not CallbackSettings(countries=["GB"]).allows("+33612345678")
