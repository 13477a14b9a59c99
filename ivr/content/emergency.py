"""nlu/emergency.yml: words that get the emergency number at once, on partials too, never gated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.core.text import LANGUAGES, normalise
from ivr.core.yamlfile import Document, Problem, Strict, load, raise_if_errors

FILE = Path("nlu/emergency.yml")


class WordList(Strict):
    """One language; see the head of the file for what each list means."""

    words: list[str]
    alone: list[str] = []
    unless: list[str] = []


class EmergencyFile(Strict):
    """The whole file."""

    fillers: list[str] = []
    fr: WordList
    en: WordList
    es: WordList
    de: WordList
    it: WordList

    def problems(self) -> Iterator[Problem]:
        """Entries that can never match."""
        for lang in LANGUAGES:
            entries: WordList = getattr(self, lang)
            for part in ("words", "alone", "unless"):
                for index, entry in enumerate(getattr(entries, part)):
                    if not normalise(entry):
                        yield Problem((lang, part, index), f"{entry!r} holds no letters", "write a word")


@dataclass(frozen=True)
class _Matcher:
    alarm: re.Pattern[str]
    alone: frozenset[str]
    unless: tuple[str, ...]
    calm: re.Pattern[str]


class Emergency:
    """``heard`` tells whether a text is a cry for help."""

    def __init__(self, words: EmergencyFile) -> None:
        self._fillers = frozenset(word for filler in words.fillers for word in normalise(filler).split())
        self._matchers: Mapping[str, _Matcher] = {lang: _matcher(getattr(words, lang)) for lang in LANGUAGES}

    def heard(self, text: str, lang: str | None = None, *, final: bool = True) -> bool:
        """Whether ``text`` asks for help in ``lang`` (None: in any language).

        ``final`` False, for a partial result: a last word that may yet become a harmless phrase
        ("hilfe" before "hilfe beim Kauf") waits for the next one.
        """
        words = normalise(text)
        return any(self._in(matcher, words, final) for matcher in self._chosen(lang))

    def words(self, text: str, lang: str = "") -> list[str]:
        """The words of an emergency in ``text``, as ``normalise`` writes them; those of ``alone`` do not count."""
        said = normalise(text)
        chosen = self._chosen(lang or None)
        return [match.group() for one in chosen for match in one.alarm.finditer(one.calm.sub("/", said))]

    def _chosen(self, lang: str | None) -> list[_Matcher]:
        if lang is None or lang not in self._matchers:
            return list(self._matchers.values())
        return [self._matchers[lang]]

    def _in(self, matcher: _Matcher, words: str, final: bool) -> bool:
        if not final:
            words = _settled(words, matcher.unless)
        words = matcher.calm.sub("/", words)
        tokens = words.split()
        while tokens and tokens[0] in self._fillers:
            tokens.pop(0)
        told = [token for token in tokens if token not in self._fillers]
        only = bool(told) and all(token in matcher.alone for token in told)
        begun = " ".join(tokens)  # without "hello", for the entries that count at the beginning only
        return (only and final) or any(matcher.alarm.search(said) for said in (words, begun))


def _matcher(words: WordList) -> _Matcher:
    alone = frozenset(word for entry in words.alone for word in normalise(entry).split())
    unless = tuple(normalise(entry) for entry in words.unless)
    return _Matcher(pattern(words.words), alone, unless, pattern(words.unless))


def pattern(entries: list[str]) -> re.Pattern[str]:
    """One pattern over normalised text, ``*`` for any ending; nothing matches an empty list."""
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


def read(root: Path) -> Document[EmergencyFile]:
    """The file with its findings."""
    return load(root / FILE, EmergencyFile, root)


def load_emergency(root: Path) -> Emergency:
    """The words; raises ConfigError with every finding when the file has errors."""
    document = read(root)
    raise_if_errors(document.findings, "the emergency words")
    assert document.model is not None
    return Emergency(document.model)
