"""Telephone numbers: is this one, whose country is it in, how is it written there?  Pure.

The numbering plans are those of Google's libphonenumber (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

HOME = {"fr": "FR", "en": "GB", "es": "ES", "de": "DE", "it": "IT"}
"""Where a caller of a language is taken to be at home when nothing else tells."""
ORDINARY = frozenset({
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP, PhoneNumberType.PERSONAL_NUMBER,
})  # fmt: skip
"""Kinds of numbers that a person is reached at; premium and shared-cost services are not among them."""
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Countries that have numbers, by their two letters (ISO 3166)."""
LONGEST_GROUP = 4


def e164(text: str, regions: Iterable[str]) -> str:
    """``text`` (digits, perhaps a leading + or 00) as ``+33...``; empty where it is no person's number.

    A number without its country is read as one of the first of ``regions`` (``FR``) that has such numbers.
    """
    digits = re.sub(r"[^\d+]", "", text)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("+"):
        return _checked(digits, None)
    return next(filter(None, (_checked(digits, one) for one in regions if _complete(digits, one))), "")


def region(number: str) -> str:
    """``FR`` for ``+33...``; empty when nobody has such numbers."""
    parsed = _parse(number, None)
    return (phonenumbers.region_code_for_number(parsed) or "") if parsed else ""


def region_of_prefix(prefix: str) -> str:
    """``FR`` for ``+33``."""
    return phonenumbers.region_code_for_country_code(int(prefix.lstrip("+")))


def groups(number: str, home: str) -> tuple[str, ...]:
    """The number's digits as its country writes them: ``06 12 34 56 78`` at ``home``, ``+44 20 ...`` abroad."""
    parsed = _parse(number, None)
    if parsed is None:
        return tuple(_halves(number))
    own = phonenumbers.region_code_for_number(parsed) == home
    form = PhoneNumberFormat.NATIONAL if own else PhoneNumberFormat.INTERNATIONAL
    written = re.findall(r"\+?\d+", phonenumbers.format_number(parsed, form))
    return tuple(part for group in written for part in _halves(group))


def _halves(group: str) -> Iterable[str]:
    """A group that is too long to be kept in mind, in two."""
    if len(group) <= LONGEST_GROUP:
        return (group,)
    return (*_halves(group[: len(group) // 2]), *_halves(group[len(group) // 2 :]))


def _complete(digits: str, where: str) -> bool:
    """Whether it has the 0 that is said before numbers there, if one is."""
    trunk_prefix = phonenumbers.ndd_prefix_for_region(where, True)
    return trunk_prefix != "0" or digits.startswith("0")


def _checked(digits: str, where: str | None) -> str:
    parsed = _parse(digits, where)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return ""
    return str(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))


def is_ordinary(number: str) -> bool:
    """Whether ``number`` (``+33...``) is a person's line and no service that costs more."""
    parsed = _parse(number, None)
    return parsed is not None and phonenumbers.number_type(parsed) in ORDINARY


def _parse(digits: str, where: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, where)
    except phonenumbers.NumberParseException:
        return None
