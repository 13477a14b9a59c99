"""Words that are spotted in what callers say: ``nlu/emergency.yml`` and ``nlu/urgency.yml``.

Words of an emergency give the caller the emergency number at once, from partial results too and without the gate.
Urgent words mark a recorded message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr.content.published import load
from ivr.core.text import LANGUAGES, normalise
from ivr.core.yamlfile import Document, ModelProblem, Strict

EMERGENCY_FILE = Path("nlu/emergency.yml")
URGENCY_FILE = Path("nlu/urgency.yml")


class WordList(Strict):
    """The words of one language; the head of the file says what each list means."""

    words: list[str]
    unless: list[str] = []


class EmergencyWordList(WordList):
    """The same, with words that count only when the caller says nothing else."""

    alone: list[str] = []


class UrgencyFile(Strict):
    """``nlu/urgency.yml``: a list of words for each language."""

    fr: WordList
    en: WordList
    es: WordList
    de: WordList
    it: WordList

    def problems(self) -> Iterator[ModelProblem]:
        """Entries that can never match."""
        for lang in LANGUAGES:
            for part, entries in getattr(self, lang).model_dump().items():
                for index, entry in enumerate(entries):
                    if not normalise(entry):
                        yield ModelProblem((lang, part, index), f"{entry!r} holds no letters", "write a word")


class EmergencyFile(UrgencyFile):
    """``nlu/emergency.yml``; ``fillers`` may stand around the words of any language."""

    fillers: list[str] = []
    fr: EmergencyWordList
    en: EmergencyWordList
    es: EmergencyWordList
    de: EmergencyWordList
    it: EmergencyWordList


@dataclass(frozen=True)
class _Matcher:
    words: re.Pattern[str]
    unless: re.Pattern[str]
    unless_phrases: tuple[str, ...]
    alone: frozenset[str]

    @classmethod
    def of(cls, entries: WordList) -> _Matcher:
        unless = tuple(normalise(entry) for entry in entries.unless)
        alone = _tokens(entries.alone if isinstance(entries, EmergencyWordList) else [])
        return cls(_pattern(entries.words), _pattern(entries.unless), unless, alone)


class KeywordSpotter:
    """Finds the words of a file in a text, in one language or in all."""

    def __init__(self, file: UrgencyFile) -> None:
        self._fillers = _tokens(file.fillers if isinstance(file, EmergencyFile) else [])
        self._matchers = {lang: _Matcher.of(getattr(file, lang)) for lang in LANGUAGES}

    def heard(self, text: str, lang: str | None = None, *, final: bool = True) -> bool:
        """Return whether ``text`` holds one of the words, or only words of ``alone``.

        text: as recognised, in any spelling.
        lang: the language to look in; every language where it is None or unknown.
        final: False for a partial result.  Then a last word that may still become a harmless phrase
            ("hilfe" before "hilfe beim Kauf") waits for the next result, and ``alone`` does not count.
        """
        words = normalise(text)
        return any(self._matches(matcher, words, final) for matcher in self._chosen(lang))

    def found(self, text: str, lang: str = "") -> list[str]:
        """Return the words found in ``text``, as ``normalise`` writes them; those of ``alone`` do not count.

        lang: the language to look in; every language where it is empty or unknown.
        """
        said = normalise(text)
        return [
            match.group()
            for matcher in self._chosen(lang)
            for match in matcher.words.finditer(matcher.unless.sub("/", said))
        ]

    def _chosen(self, lang: str | None) -> list[_Matcher]:
        return [self._matchers[lang]] if lang in self._matchers else list(self._matchers.values())

    def _matches(self, matcher: _Matcher, words: str, final: bool) -> bool:
        if not final:
            words = _settled(words, matcher.unless_phrases)
        words = matcher.unless.sub("/", words)
        tokens = words.split()
        while tokens and tokens[0] in self._fillers:
            tokens.pop(0)
        told = [token for token in tokens if token not in self._fillers]
        only = bool(told) and all(token in matcher.alone for token in told)
        begun = " ".join(tokens)  # without "hello", for the entries that count at the beginning only
        return (only and final) or any(matcher.words.search(said) for said in (words, begun))


def urgent_words(text: str, lang: str, *spotters: KeywordSpotter) -> list[str]:
    """Return the words that any of ``spotters`` finds in ``text``, each once, in the order of the spotters."""
    return list(dict.fromkeys(word for spotter in spotters for word in spotter.found(text, lang)))


def _tokens(entries: list[str]) -> frozenset[str]:
    return frozenset(word for entry in entries for word in normalise(entry).split())


def _pattern(entries: list[str]) -> re.Pattern[str]:
    """One pattern over normalised text: ``*`` is any ending, ``^`` the beginning; an empty list matches nothing."""
    parts = []
    for entry in sorted(entries, key=len, reverse=True):
        ending = "[a-z0-9]*" if entry.endswith("*") else ""
        start = "^" if entry.startswith("^") else r"\b"
        parts.append(f"{start}{re.escape(normalise(entry))}{ending}\\b")
    return re.compile("|".join(parts) or r"(?!)")


def _settled(words: str, phrases: tuple[str, ...]) -> str:
    """Words without an ending that is the beginning of a harmless phrase."""
    tokens = words.split()
    for start in range(len(tokens)):
        tail = " ".join(tokens[start:])
        if any(phrase.startswith(tail + " ") for phrase in phrases):
            return " ".join(tokens[:start])
    return words


def read_emergency(root: Path) -> Document[EmergencyFile]:
    """Return ``nlu/emergency.yml`` below ``root`` with its findings."""
    return load(root / EMERGENCY_FILE, EmergencyFile, root)


def read_urgency(root: Path) -> Document[UrgencyFile]:
    """Return ``nlu/urgency.yml`` below ``root`` with its findings."""
    return load(root / URGENCY_FILE, UrgencyFile, root)


def load_emergency(root: Path) -> KeywordSpotter:
    """Return the words of an emergency; raises ConfigError with every finding when the file has errors."""
    return KeywordSpotter(read_emergency(root).checked("the emergency words"))


def load_urgency(root: Path) -> KeywordSpotter:
    """Return the urgent words; raises ConfigError with every finding when the file has errors."""
    return KeywordSpotter(read_urgency(root).checked("the urgent words"))
