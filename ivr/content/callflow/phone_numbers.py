"""Telephone numbers: validity, country, and how people write them.  Pure.

The numbering plans are those of the package phonenumbers, a port of Google's libphonenumber (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

HOME = {"fr": "FR", "en": "GB", "es": "ES", "de": "DE", "it": "IT"}
"""The country that is assumed for a caller of each language if nothing else indicates one."""
ORDINARY = frozenset({
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP, PhoneNumberType.PERSONAL_NUMBER,
})  # fmt: skip
"""Kinds of numbers that reach a person; premium and shared-cost services are not among them."""
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Countries that have numbers, by their two letters (ISO 3166)."""
LONGEST_GROUP = 4
"""The most digits that are read out without a pause."""


def e164(text: str, regions: Iterable[str]) -> str:
    """Return ``text`` as ``+33...``, or an empty string if it is not a valid number.

    text: digits, with or without a leading ``+`` or ``00``.
    regions: countries (ISO 3166) that are tried in this order for a number without one.
    """
    digits = re.sub(r"[^\d+]", "", text)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("+"):
        return _checked(digits, None)
    return next(filter(None, (_checked(digits, one) for one in regions if _complete(digits, one))), "")


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
