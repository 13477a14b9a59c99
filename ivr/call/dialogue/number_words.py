"""Digits from spoken numbers, and numbers as words.  Pure.

Recognisers write "06 12 34", "zéro six douze trente-quatre" or a mixture; callers say digits, pairs, hundreds,
"double seven".  Number words are those of num2words (LGPL), read backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from num2words import num2words

from ivr.core.text import normalise

DIGITS = {
    "fr": "zéro un deux trois quatre cinq six sept huit neuf".split(),
    "en": "zero one two three four five six seven eight nine".split(),
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve".split(),
    "de": "null eins zwei drei vier fünf sechs sieben acht neun".split(),
    "it": "zero uno due tre quattro cinque sei sette otto nove".split(),
}
PLUS = {"fr": "plus", "en": "plus", "es": "más", "de": "plus", "it": "più"}
_PLUS = frozenset(normalise(word) for word in PLUS.values())
_OTHERS = {
    "fr": {"une": "1", "septante": "70", "huitante": "80", "nonante": "90"},
    "en": {"oh": "0", "o": "0", "nought": "0", "naught": "0", "nil": "0"},
    "es": {"un": "1", "una": "1"},
    "de": {"zwo": "2", "eine": "1", "ein": "1"},
    "it": {"un": "1", "una": "1"},
}
"""Words that num2words does not have."""
_TIMES = {
    "double": 2, "triple": 3, "treble": 3, "doble": 2, "doppel": 2, "doppelt": 2, "zweimal": 2, "dreimal": 3,
    "doppio": 2, "doppia": 2, "triplo": 3,
}  # fmt: skip
"""Words that repeat the digit after them."""
_LONGEST = 6
"""Words in the longest number below a thousand ("quatre cent quatre vingt dix huit")."""
GAP = 2
"""Other words ("euh") that a number may contain."""


@dataclass
class _Run:
    """Digits without other words between them: the index of their first word, and of the word after them."""

    digits: str
    start: int
    end: int


def prepare(langs: Iterable[str]) -> None:
    """Build the tables of number words of ``langs`` before a call needs them; takes some tenths of a second."""
    for lang in langs:
        _table(lang)


def said(text: str, lang: str) -> str:
    """Return the digits in ``text``, with a leading + where it was said; empty where there are none.

    A lone "one" beside other words ("one moment, it is ...") is no digit of the number.
    """
    words = normalise(text).split()
    runs = _runs(words, lang)
    if any(len(run.digits) > 1 for run in runs):
        runs = [run for run in runs if len(run.digits) > 1 or _near(run, runs)]
    digits = "".join(run.digits for run in runs)
    plus = bool(runs) and runs[0].start > 0 and words[runs[0].start - 1] in _PLUS
    return "+" + digits if plus else digits


def spoken(group: str, lang: str) -> str:
    """Return the digits of ``group`` as words: ``06`` is "zéro six"; a leading + is a word, too."""
    words = [PLUS[lang] if sign == "+" else DIGITS[lang][int(sign)] for sign in group]
    return " ".join(words)


def numbers_in(text: str, lang: str) -> set[int]:
    """Return the numbers below a hundred in ``text``, such as hours."""
    words = normalise(text).split()
    found, index = set(), 0
    while index < len(words):
        digits, length = _number_at(words, index, lang)
        if digits and len(digits) <= 2:
            found.add(int(digits))
        index += length or 1
    return found


def _runs(words: list[str], lang: str) -> list[_Run]:
    runs: list[_Run] = []
    index, times = 0, 1
    while index < len(words):
        if words[index] in _TIMES:
            times, index = _TIMES[words[index]], index + 1
            continue
        digits, length = _number_at(words, index, lang)
        if not digits:
            times, index = 1, index + 1
            continue
        digits = digits[0] * (times - 1) + digits
        start = index - (times > 1)
        if runs and runs[-1].end == start:
            runs[-1].digits += digits
            runs[-1].end = index + length
        else:
            runs.append(_Run(digits, start, index + length))
        times, index = 1, index + length
    return runs


def _near(run: _Run, runs: list[_Run]) -> bool:
    """Whether a single digit is part of a number: at most ``GAP`` words from the digits on both sides."""
    before = any(0 < run.start - other.end <= GAP for other in runs)
    after = any(0 < other.start - run.end <= GAP for other in runs)
    return before and (after or run is runs[-1])


def _number_at(words: list[str], index: int, lang: str) -> tuple[str, int]:
    """The digits of the number that begins at ``index`` and its count of words; empty and 0 where none begins."""
    if words[index].isdecimal():
        return words[index], 1
    table = _table(lang)
    for length in range(min(_LONGEST, len(words) - index), 0, -1):
        found = table.get(" ".join(words[index : index + length]))
        if found is not None:
            return found, length
    return "", 0


@cache
def _table(lang: str) -> dict[str, str]:
    """Number words below a thousand -> digits, as ``normalise`` leaves them."""
    table: dict[str, str] = {}
    for number in range(999, -1, -1):
        for variant in (lang, "fr_CH") if lang == "fr" else (lang,):
            words = normalise(num2words(number, lang=variant))
            if lang == "en" and number > 100 and number % 100:
                continue  # "nine hundred, one ..." is 900 and 1: callers say no "and" in a number
            table[words] = str(number)
            table.setdefault(words.replace("vingts", "vingt").replace("cents", "cent"), str(number))
    return table | _OTHERS[lang]
