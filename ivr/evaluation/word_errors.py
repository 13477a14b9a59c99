"""Word errors that a human listener would notice.

A recogniser spells as it likes: "16,50 €" for "seize euros cinquante", "Eiffel Turm" for "Eiffelturm",
"ouverts" for "ouvert".  None of these is an error of the voice or of the recogniser.  So both texts are converted to
words, and a remaining difference counts only if it also sounds different.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

from num2words import num2words
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from ivr.core.text import fold
from ivr.speech import phonemes
from ivr.speech.pronunciation import Pronunciation

_ORDINAL: Final = re.compile(r"(?<!\w)(\d+)(?:st|nd|rd|th|ers?|ères?|re|e|es|èmes?|de|º|ª|°)(?!\w)")
_FIGURES: Final = re.compile(r"(?<![\w€£$])\d+(?:[.,:-]\d+)*(?![.,:-]?\d|\w| ?[€%]| ?[Ee]uro)")
_WEB_DOT: Final = re.compile(r"(?<=\w)\.(?=(?:com|fr|org|eu|paris)\b)")
_DOT: Final = {"fr": "point", "en": "dot", "es": "punto", "de": "Punkt", "it": "punto"}
_HALF: Final = {"de": "{n}einhalb", "en": "{n} and a half"}
_LETTERS: Final = re.compile(r"[^\w]+|_")
RECOGNISABLE: Final = 0.5
"""Similarity of sound (0 to 1) from which the spelling of a foreign name does not matter."""
NEARLY: Final = 0.7
_ELIDED: Final = re.compile(r"(?<!\w)([cdjlmnst]|qu) (?=[aàâeéèêëhiîïoôœuùûy])")
"""An elided letter: "l étiquette" is read "l'étiquette", not "elle étiquette"."""
_FRENCH: Final = str.maketrans({"ɛ": "e", "ɔ": "o", "œ": "ø", "ɑ": "a", "ə": None})
"""Vowels that French speakers do not distinguish: "réserver", "réservait"."""


@dataclass(frozen=True)
class Miss:
    """Neighbouring words that were heard differently; ``errors`` is 0 if a human listener would not notice.

    ``kind``: spelling (sounds the same), name (of another language), sound (sounds nearly the same), word.
    """

    kind: str
    said: str
    heard: str
    errors: int


@dataclass(frozen=True)
class WordErrors:
    """Word errors (replaced, missing and added), the number of words said, and the differences."""

    errors: int
    words: int
    misses: tuple[Miss, ...] = ()

    @property
    def wer(self) -> float:
        """Word error rate; above 1 if more words were added than said."""
        return self.errors / self.words if self.words else float(bool(self.errors))


def compare(said: str, heard: str, say: Pronunciation) -> WordErrors:
    """Return the word errors of ``heard`` against ``said``.

    say: reads numbers and abbreviations of the language.
    """
    reference = words(said, say)
    hypothesis = words(_as_said(heard, _folded(reference), say), say)
    if not reference or not hypothesis:
        return WordErrors(len(reference) or len(hypothesis), len(reference))
    misses = tuple(_miss(ref, hyp, say) for ref, hyp in _stretches(reference, hypothesis))
    return WordErrors(sum(miss.errors for miss in misses), len(reference), misses)


def _stretches(reference: list[str], hypothesis: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Pairs of words that differ; neighbouring words that differ form one pair."""
    edits = Levenshtein.opcodes(_folded(reference).split(), _folded(hypothesis).split())
    for equal, group in groupby(edits, key=lambda edit: edit.tag == "equal"):
        if not equal:
            part = list(group)
            yield (
                reference[part[0].src_start : part[-1].src_end],
                hypothesis[part[0].dest_start : part[-1].dest_end],
            )


def _miss(said: list[str], heard: list[str], say: Pronunciation) -> Miss:
    errors = max(len(said), len(heard))
    alike = _alike(said, heard, say.lang)
    named = any(fold(word) in say.names for word in said)
    if alike == 1.0 or (named and alike >= RECOGNISABLE):
        return Miss("name" if alike < 1.0 else "spelling", " ".join(said), " ".join(heard), 0)
    kind = "name" if named else "sound" if alike >= NEARLY else "word"
    return Miss(kind, " ".join(said), " ".join(heard), errors)


def _as_said(heard: str, reference: str, say: Pronunciation) -> str:
    """Return the heard text with each figure in words as said: 1230 may be "twelve thirty", 112 "one one two"."""
    heard = _WEB_DOT.sub(f" {_DOT.get(say.lang, 'dot')} ", heard)
    return _FIGURES.sub(lambda found: _reading(found[0], reference, say), heard)


def _reading(figures: str, reference: str, say: Pronunciation) -> str:
    for reading in _readings(figures, say):
        if f" {_folded(words(reading, say))} " in f" {reference} ":
            return reading
    return figures


def _readings(figures: str, say: Pronunciation) -> Iterator[str]:
    yield figures
    yield " ".join(say.number(digit) for digit in figures if digit.isdigit())
    clock = re.fullmatch(r"(\d{1,2})\D?(\d\d)", figures)
    if clock:
        yield f"{clock[1]}:{clock[2]}"
        yield clock[1] if clock[2] == "00" else f"{say.number(clock[1])} {say.number(clock[2])}"
    yield " ".join(say.number(part) for part in re.findall(r"\d+", figures))
    half = re.fullmatch(r"(\d+)[.,]5", figures)
    if half and say.lang in _HALF:
        yield _HALF[say.lang].format(n="ein" if half[1] == "1" and say.lang == "de" else say.number(half[1]))


def words(text: str, say: Pronunciation) -> list[str]:
    """Return the words of ``text``: numbers, prices and hours as spoken, without case and punctuation."""
    text = _ORDINAL.sub(lambda found: str(num2words(int(found[1]), lang=say.lang, to="ordinal")), text)
    return _LETTERS.sub(" ", say.in_words(text).casefold()).split()


def _folded(these: list[str]) -> str:
    return " ".join(fold(word) for word in these)


def _alike(one: list[str], other: list[str], lang: str) -> float:
    """Return how similar two groups of words sound, 0 to 1."""
    if fold("".join(one)) == fold("".join(other)):
        return 1.0
    said, heard = (_joined(part, lang) for part in (one, other))
    pairs = [(_sounds(said, lang), _sounds(heard, lang))]
    if lang == "fr":  # liaisons are made or not
        pairs.append((_unlinked(said), _unlinked(heard)))
    return max(float(fuzz.ratio(*pair)) for pair in pairs) / 100


def _joined(words: list[str], lang: str) -> str:
    """Return the words as one text, elided letters joined to their words."""
    text = " ".join(words)
    return _ELIDED.sub(r"\1'", text) if lang in ("fr", "it") else text


def _unlinked(text: str) -> str:
    """Return the sounds of French words without liaison."""
    return "".join(_sounds(word, "fr") for word in text.split())


@lru_cache(maxsize=4096)
def _sounds(text: str, lang: str) -> str:
    sounds = phonemes.sounds(text, lang)
    return sounds.translate(_FRENCH) if lang == "fr" else sounds
