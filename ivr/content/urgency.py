"""nlu/urgency.yml: words that make a recorded message urgent, beside those of an emergency."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.content.emergency import Emergency, pattern
from ivr.core.text import LANGUAGES, normalise
from ivr.core.yamlfile import Document, Problem, Strict, load, raise_if_errors

FILE = Path("nlu/urgency.yml")


class UrgentWords(Strict):
    """One language; see the head of the file for what each list means."""

    words: list[str]
    unless: list[str] = []


class UrgencyFile(Strict):
    """The whole file."""

    fr: UrgentWords
    en: UrgentWords
    es: UrgentWords
    de: UrgentWords
    it: UrgentWords

    def problems(self) -> Iterator[Problem]:
        """Entries that can never match."""
        for lang in LANGUAGES:
            entries: UrgentWords = getattr(self, lang)
            for part in ("words", "unless"):
                for index, entry in enumerate(getattr(entries, part)):
                    if not normalise(entry):
                        yield Problem((lang, part, index), f"{entry!r} holds no letters", "write a word")


@dataclass(frozen=True)
class _Matcher:
    urgent: re.Pattern[str]
    calm: re.Pattern[str]


class Urgency:
    """``found`` tells which words of a message are urgent."""

    def __init__(self, words: UrgencyFile, emergency: Emergency) -> None:
        self._emergency = emergency
        self._matchers: Mapping[str, _Matcher] = {lang: _matcher(getattr(words, lang)) for lang in LANGUAGES}

    def found(self, text: str, lang: str) -> list[str]:
        """The urgent words in a transcript, in their order, each once, as ``normalise`` writes them.

        ``lang`` empty (nobody knows it): in any language.
        """
        matchers = [self._matchers[lang]] if lang in self._matchers else list(self._matchers.values())
        words = [word for matcher in matchers for word in _words(matcher, normalise(text))]
        return list(dict.fromkeys([*self._emergency.words(text, lang), *words]))


def _words(matcher: _Matcher, text: str) -> list[str]:
    return [match.group() for match in matcher.urgent.finditer(matcher.calm.sub("/", text))]


def _matcher(words: UrgentWords) -> _Matcher:
    return _Matcher(pattern(words.words), pattern(words.unless))


def read(root: Path) -> Document[UrgencyFile]:
    """The file with its findings."""
    return load(root / FILE, UrgencyFile, root)


def load_urgency(root: Path, emergency: Emergency) -> Urgency:
    """The words; raises ConfigError with every finding when the file has errors."""
    document = read(root)
    raise_if_errors(document.findings, "the urgent words")
    assert document.model is not None
    return Urgency(document.model, emergency)
