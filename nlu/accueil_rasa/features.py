"""What the model sees of a question: groups of letters and groups of phonemes.

A question is its words and, behind a bar, their phonemes: ``les tickets | letikɛ`` (``ivr.nlu.classifier.question``
writes it).  The phonemes help where a recogniser misheard: "l'étiquet" looks little like "les tickets" and sounds
the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

Counts = tuple[list[int], list[int]]
"""The known groups of one question: their places in the vocabulary, ascending, and how often each occurs."""

BAR = "|"
_SEPARATORS = re.compile(r"[^\w]+")
_NUMBER = "__number__"
"""Takes the place of each number: the letters of a price or a date tell nothing about the intent."""


def split_question(question: str) -> tuple[str, str]:
    """The words and the phonemes of ``question``; the phonemes are empty where there is no bar."""
    words, _, phonemes = question.partition(BAR)
    return words.strip(), phonemes.strip()


def letter_groups(words: str, shortest: int, longest: int) -> Iterator[str]:
    """Groups of ``shortest`` to ``longest`` letters within each word, which is padded by a space on both sides.

    Accents are removed.  A word that is shorter than a group counts once, as a whole.
    """
    for word in _SEPARATORS.split(_without_accents(words.lower())):
        if not word:
            continue
        padded = f" {_NUMBER if word.isdecimal() else word} "
        yield from _groups(padded, shortest, min(longest, len(padded)))
        if len(padded) < shortest:
            yield padded


def phoneme_groups(phonemes: str, shortest: int, longest: int) -> Iterator[str]:
    """Groups of ``shortest`` to ``longest`` phonemes, across words."""
    return _groups(phonemes, shortest, longest)


def vocabulary(documents: Iterable[Iterable[str]]) -> dict[str, int]:
    """Each group that occurs in ``documents`` and its place, in alphabetical order."""
    known = {group for document in documents for group in document}
    return {group: place for place, group in enumerate(sorted(known))}


def counted(groups: Iterable[str], known: dict[str, int]) -> Counts:
    """How often each group of the vocabulary ``known`` occurs in ``groups``; others are left out."""
    found: dict[int, int] = {}
    for group in groups:
        place = known.get(group)
        if place is not None:
            found[place] = found.get(place, 0) + 1
    places = sorted(found)
    return places, [found[place] for place in places]


def _groups(text: str, shortest: int, longest: int) -> Iterator[str]:
    for length in range(shortest, longest + 1):
        for start in range(len(text) - length + 1):
            yield text[start : start + length]


def _without_accents(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in folded if not unicodedata.combining(sign))
