"""Pseudonyms of telephone numbers for the store: a keyed hash and the last two digits.  Pure.

A pseudonym is ``~``, the HMAC-SHA256 (RFC 2104) of the number in hex cut to 128 bits, ``~``, and two digits.  The
same caller always has the same pseudonym.  Without the key (``NUMBERS_KEY`` in ``var/secrets.env``) it does not lead
back to the number.
"""

from __future__ import annotations

import hashlib
import hmac
import re

_PSEUDONYM = re.compile(r"~[0-9a-f]{32}~\d{0,2}")
NATIONAL = 6
"""A number with fewer digits is an extension and belongs to no country."""


class Pseudonyms:
    """Makes pseudonyms with the ``key`` of an installation; raises ValueError when it is empty."""

    def __init__(self, key: str) -> None:
        if not key:
            raise ValueError("no key for the pseudonyms of numbers")
        self._key = key.encode()

    def of(self, number: str) -> str:
        """Return the pseudonym of ``number``; an empty number and a pseudonym are returned unchanged."""
        if not number or is_pseudonym(number):
            return number
        plain = canonical(number)
        digest = hmac.new(self._key, plain.encode(), hashlib.sha256).hexdigest()[:32]
        digits = re.sub(r"\D", "", plain)
        return f"~{digest}~{digits[-2:] if len(digits) >= NATIONAL else ''}"

    def all_of(self, number: str, country: str) -> list[str]:
        """Return the pseudonyms of every form in which a trunk may show ``number``; ``country`` as in ``forms``."""
        return [self.of(form) for form in forms(number, country)]


def is_pseudonym(text: str) -> bool:
    """Return whether ``text`` is a pseudonym."""
    return _PSEUDONYM.fullmatch(text) is not None


def shown(number: str) -> str:
    """Return the number as people see it: ``…78`` for a pseudonym, anything else unchanged."""
    return f"…{number.rpartition('~')[2]}" if is_pseudonym(number) else number


def canonical(number: str) -> str:
    """Return ``number`` without spaces, dots and brackets, and ``0033...`` as ``+33...``; a name stays unchanged."""
    digits = re.sub(r"[\s().\-/\u00a0\u202f]", "", number).removeprefix("tel:")
    if not re.fullmatch(r"\+?\d+", digits):
        return number.strip()
    return "+" + digits[2:] if digits.startswith("00") else digits


def forms(number: str, country: str) -> list[str]:
    """Return the forms in which a trunk may show ``number``: ``+33...``, ``33...`` and, in ``country``, ``0...``.

    country: the prefix of the office's country, such as ``+33``.
    """
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
    """Return a pattern that finds the digits of ``number`` in any file, with any separators between them."""
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
