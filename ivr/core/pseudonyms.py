"""Telephone numbers as the store keeps them: a keyed hash and the last two digits.

``~`` HMAC-SHA256 of the number in hex, cut to 128 bits, ``~``, two digits: the same caller has the same pseudonym,
and nobody gets from it to the number without the key (``NUMBERS_KEY`` in ``var/secrets.env``).  Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re

_PSEUDONYM = re.compile(r"~[0-9a-f]{32}~\d{0,2}")
NATIONAL = 6
"""A number of fewer digits is an extension, and has no country."""


class Pseudonyms:
    """Makes them with one installation's key."""

    def __init__(self, key: str) -> None:
        if not key:
            raise ValueError("no key for the pseudonyms of numbers")
        self._key = key.encode()

    def of(self, number: str) -> str:
        """The pseudonym of a number; of a withheld one (empty) nothing, of a pseudonym itself."""
        if not number or is_pseudonym(number):
            return number
        plain = canonical(number)
        digest = hmac.new(self._key, plain.encode(), hashlib.sha256).hexdigest()[:32]
        digits = re.sub(r"\D", "", plain)
        return f"~{digest}~{digits[-2:] if len(digits) >= NATIONAL else ''}"

    def all_of(self, number: str, country: str) -> list[str]:
        """The pseudonyms that this number may stand under, whichever way it was shown to us."""
        return [self.of(form) for form in forms(number, country)]


def is_pseudonym(text: str) -> bool:
    """Whether it is one and no number."""
    return _PSEUDONYM.fullmatch(text) is not None


def shown(number: str) -> str:
    """For people: ``…78`` for a pseudonym; anything else as it is."""
    return f"…{number.rpartition('~')[2]}" if is_pseudonym(number) else number


def canonical(number: str) -> str:
    """``+33...`` also for ``0033...``; spaces, dots and brackets do not count; a name is left as it is."""
    digits = re.sub(r"[\s().\-/\u00a0\u202f]", "", number).removeprefix("tel:")
    if not re.fullmatch(r"\+?\d+", digits):
        return number.strip()
    return "+" + digits[2:] if digits.startswith("00") else digits


def forms(number: str, country: str) -> list[str]:
    """A number as a trunk may show it: ``+33...``, ``33...`` and, in the own ``country`` ("+33"), ``0...``."""
    plain = canonical(number)
    if not re.fullmatch(r"\+?\d+", plain) or len(plain) < NATIONAL:
        return [plain]
    if plain.startswith("0"):
        plain = country + plain[1:]
    elif not plain.startswith("+"):
        plain = "+" + plain
    own = [plain.replace(country, "0", 1)] if plain.startswith(country) else []
    return [plain, plain[1:], *own]


def written(number: str, country: str) -> re.Pattern[bytes]:
    """Finds the number in any file: its significant digits, whatever stands before and between them."""
    plain = forms(number, country)[0]
    if not re.fullmatch(r"\+?\d+", plain):
        return re.compile(re.escape(plain.encode()))
    digits = plain.removeprefix(country).lstrip("+")
    between = rb"(?:[\s.\-/()]|\xc2\xa0|\xe2\x80\xaf){0,3}"
    before = (
        rb"(?:(?:\+|00)?"
        + between.join(b"%c" % c for c in country[1:].encode())
        + between
        + rb"|0)?"
        + between
    )
    lead = before if plain.startswith(country) else rb"(?:\+|00)?"
    return re.compile(rb"(?<!\d)" + lead + between.join(b"%c" % c for c in digits.encode()) + rb"(?!\d)")
