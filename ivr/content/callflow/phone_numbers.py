"""Telephone numbers: validity, country, and how people write them.  Pure.

The numbering plans are those of the package phonenumbers, a port of Google's libphonenumber (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

HOMES = {"fr": ("FR",), "en": ("GB", "US"), "es": ("ES",), "de": ("DE",), "it": ("IT",)}
"""The countries that are assumed for a caller of each language if nothing else indicates one."""
HOME = {lang: countries[0] for lang, countries in HOMES.items()}
"""The likeliest of them."""
NEIGHBOURS = {"fr": ("BE", "CH", "LU"), "en": ("IE",), "es": (), "de": ("AT", "CH"), "it": ("CH",)}
"""Other countries in which a language is spoken."""
ORDINARY = frozenset({
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
})  # fmt: skip
"""Kinds of numbers that reach a person at an ordinary price.

Premium and shared-cost services are not among them.  Personal numbers (+44 70, +49 700) are neither: they may cost as
much as a premium service.
"""
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Countries that have numbers, by their two letters (ISO 3166)."""
LONGEST_GROUP = 4
"""The most digits that are read out without a pause."""


def e164(text: str, regions: Iterable[str]) -> str:
    """Return ``text`` as ``+33...``, or an empty string if it is not a valid number.

    text: digits, with or without a leading ``+`` or ``00``.
    regions: countries (ISO 3166) that are tried in this order for a number without one.
    """
    return next(iter(readings(text, regions)), "")


def readings(text: str, regions: Iterable[str]) -> tuple[str, ...]:
    """Return every number (``+33...``) that ``text`` may be: one for each country in whose plan it is valid.

    text, regions: as for ``e164``.  A number with its country code has one reading at most.
    """
    digits = re.sub(r"[^\d+]", "", text)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("+"):
        found = [_checked(digits, None)]
    else:
        found = [_checked(digits, one) for one in regions if _complete(digits, one)]
    return tuple(dict.fromkeys(filter(None, found)))


def mobile_elsewhere(number: str, regions: Iterable[str]) -> bool:
    """Return whether the national form of ``number`` (``+33...``) is a mobile's number in one of ``regions``, too."""
    parsed = _parse(number, None)
    if parsed is None:
        return False
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    others = (_parse(other, None) for other in readings(national, regions) if other != number)
    return any(one and phonenumbers.number_type(one) == PhoneNumberType.MOBILE for one in others)


def region(number: str) -> str:
    """Return the country (``FR``) of a number (``+33...``); empty if there is none."""
    parsed = _parse(number, None)
    return (phonenumbers.region_code_for_number(parsed) or "") if parsed else ""


def region_of_prefix(prefix: str) -> str:
    """Return the country (``FR``) of a prefix (``+33``)."""
    return phonenumbers.region_code_for_country_code(int(prefix.lstrip("+")))


def groups(number: str, home: str) -> tuple[str, ...]:
    """Return the digits of ``number`` in groups as its country writes them.

    home: the country (ISO 3166) in which the national form ``06 12 34 56 78`` is used; elsewhere ``+44 20 ...``.
    """
    parsed = _parse(number, None)
    if parsed is None:
        return tuple(_halves(number))
    own = phonenumbers.region_code_for_number(parsed) == home
    form = PhoneNumberFormat.NATIONAL if own else PhoneNumberFormat.INTERNATIONAL
    written = re.findall(r"\+?\d+", phonenumbers.format_number(parsed, form))
    return tuple(part for group in written for part in _halves(group))


def _halves(group: str) -> Iterable[str]:
    """Halve a group that is too long to remember."""
    if len(group) <= LONGEST_GROUP:
        return (group,)
    return (*_halves(group[: len(group) // 2]), *_halves(group[len(group) // 2 :]))


def _complete(digits: str, where: str) -> bool:
    """Whether the number begins with 0 if the country writes national numbers with one."""
    trunk_prefix = phonenumbers.ndd_prefix_for_region(where, True)
    return trunk_prefix != "0" or digits.startswith("0")


def _checked(digits: str, where: str | None) -> str:
    parsed = _parse(digits, where)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return ""
    return str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def is_ordinary(number: str) -> bool:
    """Return whether ``number`` (``+33...``) is an ordinary line and not a premium service."""
    parsed = _parse(number, None)
    return parsed is not None and phonenumbers.number_type(parsed) in ORDINARY


def _parse(digits: str, where: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, where)
    except phonenumbers.NumberParseException:
        return None
