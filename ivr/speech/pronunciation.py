"""Pronunciation of names, prices, hours and telephone numbers, from ``voices/say/<lang>.yml``.

Voices receive the spoken form.  Screens and logs keep the written form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from num2words import num2words
from pydantic import Field

from ivr.core.text import fold
from ivr.core.yamlfile import Strict, load, raise_if_errors

NAMES: Final = Path("voices/names.txt")
_MARKUP: Final = re.compile(r"[<>\[\]{}|\\]")
_PHONE: Final = re.compile(r"(?<![\d,.+])(?:\+\d{2} ?\d|0\d)(?:[ .-]?\d\d){4}(?!\d)")
_SUM: Final = r"(\d+)(?:[.,](\d\d))?"
_PRICE: Final = re.compile(rf"(?<![\d,.])(?:€ ?{_SUM}|{_SUM} ?(?:€|(?i:euros?)\b|EUR\b))")
_HOUR: Final = re.compile(r"(?<![\d:])([01]?\d|2[0-4])(?::| ?h ?)([0-5]\d)?(?![\d:\w])(?: (?:Uhr|h)\b)?")
_PERCENT: Final = re.compile(r"(?<!\d)(\d+) ?%")
_NUMBER: Final = re.compile(r"(?<!\w)\d+(?:[.,]\d+)?(?!\w)")


class Numbers(Strict):
    """Patterns for numbers of one language.

    ``{euros}``, ``{cents}``, ``{hour}``, ``{minutes}`` and ``{n}`` are numbers in words.  ``{sum}`` is the amount of
    euros in words, such as "two euros".
    """

    one_euro: str
    euros: str
    euros_cents: str
    hour: str
    hour_minutes: str
    percent: str
    plus: str
    phone: Literal["pairs", "digits"]
    """Telephone numbers are read in pairs, as in French, or digit by digit."""


class SayFile(Strict):
    """``voices/say/<lang>.yml``: ``words`` are for every voice, ``pico`` and ``piper`` for that engine alone."""

    words: dict[str, str] = Field(default_factory=dict)
    pico: dict[str, str] = Field(default_factory=dict)
    piper: dict[str, str] = Field(default_factory=dict)
    numbers: Numbers

    def all_words(self, engine: str) -> Mapping[str, str]:
        """Return the spoken form of each listed word for an engine (``pico``, ``piper`` or another name)."""
        return {**self.words, **{"pico": self.pico, "piper": self.piper}.get(engine, {})}


class Pronunciation:
    """The pronunciations of one language.

    lang: its code.  file: the content of its file.  names: words of ``voices/names.txt``, folded.
    """

    def __init__(self, lang: str, file: SayFile, names: frozenset[str] = frozenset()) -> None:
        self.lang = lang
        self.names = names
        self._file = file
        self._table = lru_cache(maxsize=8)(self._read_table)

    def spoken(self, text: str, engine: str = "") -> str:
        """Return ``text`` as a voice of ``engine`` should read it; an empty engine has no words of its own.

        Spoken forms are inserted unchanged: they may be phonemes, which contain digits.  A number that is listed in
        words (``dix-huit``) is also found in figures.
        """
        pattern, words = self._table(engine)

        def listed(word: str) -> str:
            return words.get(word) or words[word.casefold()]

        def between(text: str) -> str:
            return pattern.sub(lambda found: listed(found[0]), self._numbers(text))

        first, *rest = pattern.split(_MARKUP.sub(" ", text))
        parts = [between(first)]
        for word, after in zip(rest[::2], rest[1::2], strict=True):
            parts += [listed(word), between(after)]
        return "".join(parts)

    def in_words(self, text: str) -> str:
        """Return ``text`` with its numbers in words and everything else unchanged."""
        return self._numbers(_MARKUP.sub(" ", text))

    def _read_table(self, engine: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
        """The pattern that finds listed words, longest first, and their spoken forms.

        A word in lower case matches any case; a word with a capital matches exactly (RER, not rer).
        """
        words = self._file.all_words(engine)
        forms = [f"(?i:{re.escape(w)})" if w == w.casefold() else re.escape(w) for w in words]
        forms.sort(key=len, reverse=True)
        return re.compile(rf"(?<!\w)({'|'.join(forms) or '(?!)'})(?!\w)"), words

    def _numbers(self, text: str) -> str:
        text = _PHONE.sub(lambda found: self._phone(found[0]), text)
        text = _PRICE.sub(self._price, text)
        text = _HOUR.sub(self._hour, text)
        text = _PERCENT.sub(lambda found: self._file.numbers.percent.format(n=self.number(found[1])), text)
        return _NUMBER.sub(lambda found: self.number(found[0]), text)

    def number(self, digits: str) -> str:
        """Return a number in words.  digits: figures with or without a decimal point or comma."""
        value = float(digits.replace(",", ".")) if re.search(r"[.,]", digits) else int(digits)
        return str(num2words(value, lang=self.lang))

    def _price(self, found: re.Match[str]) -> str:
        euros, cents = found[1] or found[3], found[2] or found[4]
        phrases = self._file.numbers
        whole = phrases.one_euro if int(euros) == 1 else phrases.euros.format(euros=self.number(euros))
        if not cents or not int(cents):
            return whole
        return phrases.euros_cents.format(sum=whole, cents=self.number(cents))

    def _hour(self, found: re.Match[str]) -> str:
        hour, minutes = self.number(found[1]), found[2]
        phrases = self._file.numbers
        if not minutes and ":" in found[0]:
            return found[0]  # "3:" is the end of a clause, not an hour
        if not minutes or not int(minutes):
            return phrases.hour.format(hour=hour)
        return phrases.hour_minutes.format(hour=hour, minutes=self.number(minutes))

    def _phone(self, written: str) -> str:
        digits = re.sub(r"\D", "", written)
        country, digits = (digits[:2], digits[2:]) if written.startswith("+") else ("", digits)
        lead = [f"{self._file.numbers.plus} {self.number(country)}"] if country else []
        head = [digits[0]] if len(digits) % 2 else []
        pairs = head + [digits[i : i + 2] for i in range(len(head), len(digits), 2)]
        return ", ".join(lead + [self._pair(pair) for pair in pairs])

    def _pair(self, pair: str) -> str:
        whole = self._file.numbers.phone == "pairs" and pair[0] != "0"
        return self.number(pair) if whole else " ".join(self.number(digit) for digit in pair)


def read(root: Path, lang: str) -> Pronunciation:
    """Read the pronunciations of the language code ``lang`` from the content folder ``root``.

    Raises ConfigError with the findings.
    """
    path = root / "voices" / "say" / f"{lang}.yml"
    document = load(path, SayFile, root)
    raise_if_errors(document.findings, f"{document.file} cannot be used")
    assert document.model is not None  # raise_if_errors raised otherwise
    return Pronunciation(lang, document.model, _names(root))


def _names(root: Path) -> frozenset[str]:
    """The words of voices/names.txt, in lower case without accents."""
    path = root / NAMES
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return frozenset(fold(word) for line in lines if not line.startswith("#") for word in line.split())
