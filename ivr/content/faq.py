"""``nlu/faq/<topic>.yml``: examples and answers for each intent; intent, language and day give an answer.

An answer is spoken until its ``valid_until``.  Afterwards a phrase takes its place that states nothing (``expired``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ivr.content.callflow import WEEKDAYS, CalendarDay, Language, problem
from ivr.content.phrases import Phrase, Phrases, load_phrases
from ivr.content.published import load
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Document, Finding, Loc, ModelProblem, Severity, Strict, raise_if_errors

FOLDER = Path("nlu/faq")
HOTWORDS = Path("nlu/hotwords.yml")
WORDS = 45
"""The longest answer, in words: about 20 s of speech."""
AHEAD = dt.timedelta(days=30)
"""How long before the last day of an answer the warnings begin."""
EXAMPLES = 15
"""The fewest examples of an intent in each language."""
ASPECTS = ("price", "hours", "access", "children", "booking")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Aspect = Literal["price", "hours", "access", "children", "booking"]
Texts = dict[Language, str]


def _until(value: object) -> object:
    if value == "stable" or isinstance(value, dt.date):
        return value
    raise problem(f"{value!r} is no last day", "write a date such as 2027-01-31, or stable")


def _weekdays(value: object) -> object:
    return [value] if isinstance(value, str) else value


class When(Strict):
    """The days on which a line is said, by ``weekday``, by ``dates`` or by the ``first`` weekday of a month.

    ``months`` (1 to 12) restricts them.
    """

    weekday: Annotated[list[Weekday] | None, BeforeValidator(_weekdays)] = None
    dates: list[CalendarDay] | None = None
    first: Weekday | None = None
    months: list[Annotated[int, Field(ge=1, le=12)]] | None = None

    def matches(self, day: dt.date) -> bool:
        """Whether the line is said on ``day``."""
        name = WEEKDAYS[day.weekday()]
        if self.months is not None and day.month not in self.months:
            return False
        if self.weekday is not None and name not in self.weekday:
            return False
        if self.dates is not None and day not in self.dates and f"{day:%m-%d}" not in self.dates:
            return False
        return self.first is None or (name == self.first and day.day <= 7)

    @property
    def empty(self) -> bool:
        """Whether no day is named."""
        return self.weekday is None and self.dates is None and self.first is None and self.months is None


class TodayLine(Strict):
    """A sentence that precedes the answer on some days."""

    when: When
    say: Texts


class FaqEntry(Strict):
    """One intent."""

    name: Texts = {}
    aspects: list[Aspect] = []
    sources: list[str] = []
    checked: dt.date | None = None
    valid_until: Annotated[dt.date | Literal["stable"] | None, BeforeValidator(_until)] = None
    today: list[TodayLine] = []
    answers: Texts = {}
    examples: dict[Language, list[str]] = {}

    def expired(self, today: dt.date) -> bool:
        """Whether the answer may no longer be spoken."""
        return isinstance(self.valid_until, dt.date) and today > self.valid_until


class Topic(Strict):
    """One file."""

    topic: str
    kind: Literal["faq", "control", "social"]
    intents: Annotated[dict[str, FaqEntry], Field(min_length=1)]

    def problems(self) -> Iterator[ModelProblem]:
        """Yield what is missing or too long: languages, sources, dates, answers."""
        for name, entry in self.intents.items():
            yield from _example_problems(("intents", name), entry)
            if self.kind == "faq":
                yield from _answer_problems(("intents", name), entry)
            if self.kind != "social":
                yield from _missing(("intents", name), "name", entry.name)


def _missing(loc: Loc, part: str, texts: Mapping[Language, object]) -> Iterator[ModelProblem]:
    for lang in LANGUAGES:
        if not texts.get(lang):
            yield ModelProblem((*loc, part), f"{loc[-1]}: {part} has no {lang}", f"add a line '{lang}: ...'")


def _example_problems(loc: Loc, entry: FaqEntry) -> Iterator[ModelProblem]:
    yield from _missing(loc, "examples", entry.examples)
    for lang, examples in entry.examples.items():
        seen: dict[str, int] = {}
        for index, example in enumerate(examples):
            if example.casefold().strip() in seen:
                message = f"{example!r} is there twice"
                yield ModelProblem(
                    (*loc, "examples", lang, index), message, "write another example", Severity.WARNING
                )
            seen[example.casefold().strip()] = index
        if len(examples) < EXAMPLES:
            message = f"{loc[-1]}: only {len(examples)} examples in {lang}"
            yield ModelProblem(
                (*loc, "examples", lang), message, f"write at least {EXAMPLES}, as callers say it"
            )


def _answer_problems(loc: Loc, entry: FaqEntry) -> Iterator[ModelProblem]:
    name = loc[-1]
    yield from _missing(loc, "answers", entry.answers)
    if entry.valid_until is None:
        yield ModelProblem(loc, f"{name} has no valid_until", "add valid_until: 2027-01-31 (or stable)")
    if not entry.sources:
        yield ModelProblem(loc, f"{name} has no sources", 'add sources: ["where the facts stand, read when"]')
    if entry.checked is None:
        yield ModelProblem(loc, f"{name} has no checked", "add the day you checked it, checked: 2026-11-21")
    for lang, text in entry.answers.items():
        yield from _length_problems((*loc, "answers", lang), text)
    for index, line in enumerate(entry.today):
        here = (*loc, "today", index)
        yield from _missing(here, "say", line.say)
        if line.when.empty:
            yield ModelProblem((*here, "when"), "no day is named", "write weekday, dates or first")


def _length_problems(loc: Loc, text: str) -> Iterator[ModelProblem]:
    count = word_count(text)
    if not count:
        yield ModelProblem(loc, "the answer is empty", "write what the caller hears")
    if count > WORDS:
        yield ModelProblem(loc, f"{count} words", f"shorten it to {WORDS}, the caller has to remember it")
    if re.search(r"\d", text):
        yield ModelProblem(loc, "figures in the answer", "write numbers as they are said", Severity.WARNING)


def word_count(text: str) -> int:
    """Return the number of words as they are heard: apostrophes and hyphens do not separate words."""
    return len(re.findall(r"\w[\w'’-]*", text))


@dataclass(frozen=True)
class Answer:
    """What is spoken, in ``parts`` that are rendered separately (the lines of the day, the answer).

    expired: whether the phrase for expired answers takes the place of the answer.
    """

    parts: tuple[str, ...]
    expired: bool = False

    @property
    def text(self) -> str:
        """All parts as one text."""
        return " ".join(self.parts)


class Faq:
    """All topics; ``hotwords``: language -> hotwords for the recogniser."""

    def __init__(self, topics: Iterable[Topic], phrases: Phrases, hotwords: Mapping[str, str]) -> None:
        self._topics = tuple(topics)
        self._phrases, self._hotwords = phrases, hotwords
        self._entries = {name: entry for topic in self._topics for name, entry in topic.intents.items()}
        self._kinds = {name: topic.kind for topic in self._topics for name in topic.intents}

    @property
    def intents(self) -> tuple[str, ...]:
        """All intents of the model, those of orders and remarks included."""
        return tuple(self._entries)

    @property
    def kinds(self) -> Mapping[str, str]:
        """Intent -> ``faq``, ``control`` or ``social``."""
        return self._kinds

    def kind(self, intent: str) -> str:
        """Return ``faq``, ``control`` or ``social``; an unknown intent is ``social``, which has no answer."""
        return self._kinds.get(intent, "social")

    def entry(self, intent: str) -> FaqEntry:
        """Return the entry of an intent; raises KeyError."""
        return self._entries[intent]

    def name(self, intent: str, lang: str) -> str:
        """Return the noun phrase for the question "did you mean ...?"."""
        return self._entries[intent].name.get(lang, intent)

    def answer(self, intent: str, lang: str, today: dt.date) -> Answer:
        """Return what to say on ``today``; raises KeyError for an unknown intent."""
        entry = self._entries[intent]
        text = entry.answers.get(lang)
        if text is None or entry.expired(today):
            return Answer((self._phrases.text(lang, Phrase.EXPIRED),), expired=True)
        return Answer((*self.today_lines(intent, lang, today), text))

    def expiring(self, today: dt.date) -> list[tuple[dt.date, str]]:
        """Return (last day, intent) of answers that have expired or expire within ``AHEAD``, the earliest first."""
        dated = [(entry.valid_until, name) for name, entry in self._entries.items()]
        return sorted(
            (last, name) for last, name in dated if isinstance(last, dt.date) and last <= today + AHEAD
        )

    def today_lines(self, intent: str, lang: str, today: dt.date) -> list[str]:
        """Return the sentences that precede the answer on ``today``."""
        lines = [line for line in self._entries[intent].today if line.when.matches(today)]
        return [line.say[lang] for line in lines if lang in line.say]

    def spoken(self, lang: str) -> list[str]:
        """Return the parts of all answers in ``lang``, to be rendered in advance."""
        texts: list[str] = []
        for entry in self._entries.values():
            texts += [line.say[lang] for line in entry.today if lang in line.say]
            if lang in entry.answers:
                texts.append(entry.answers[lang])
        return texts

    def hotwords(self, lang: str) -> str:
        """Return the hotwords for the recogniser: names, then short answers (docs/speech.md)."""
        return self._hotwords.get(lang, "")

    def topic(self, intent: str) -> str:
        """Return the topic of an intent: ``louvre.hours`` -> ``louvre``."""
        return intent.partition(".")[0]

    def examples(self, lang: str) -> Iterator[tuple[str, str]]:
        """Yield (intent, example) of a language."""
        for name, entry in self._entries.items():
            for example in entry.examples.get(lang, []):
                yield name, example


def resolve_follow_up(faq: Faq, last: str, aspect: str) -> str | None:
    """Return the intent that answers the ``aspect`` ("and the price?") after the intent ``last``, or None.

    ``last`` comes first if it lists the aspect (after Orly, "and the price?" means Orly), then the other intents of
    its topic.  ``children`` falls back to ``price``, because answers about prices name the reductions.
    """
    topic = faq.topic(last)
    inside = [name for name in faq.intents if faq.topic(name) == topic and faq.kind(name) == "faq"]
    inside.sort(key=lambda name: name != last)
    for wanted in (aspect, "price") if aspect == "children" else (aspect,):
        for name in inside:
            if wanted in faq.entry(name).aspects:
                return name
    return None


class Hotwords(Strict):
    """``nlu/hotwords.yml``: names and short answers that the recogniser should expect."""

    common: list[str] = []
    fr: list[str] = []
    en: list[str] = []
    es: list[str] = []
    de: list[str] = []
    it: list[str] = []
    answers: dict[Language, list[str]] = {}

    def of(self, lang: str) -> str:
        """Return the prompt for the recogniser: common names, names of the language, then each answer as a sentence.

        Whisper recognises most of both in this order, because the end of the prompt has most weight.
        """
        names = ", ".join([*self.common, *getattr(self, lang)])
        answers = [f"{word}." for word in self.answers.get(lang, [])]
        return " ".join([*([f"{names}."] if names else []), *answers])


def read(root: Path) -> dict[Path, Document[Topic]]:
    """Return each file of topics below ``root`` with its findings."""
    paths = sorted((root / FOLDER).glob("*.yml"))
    documents = {path: load(path, Topic, root) for path in paths}
    owner: dict[str, Document[Topic]] = {}
    for document in documents.values():
        for name in document.model.intents if document.model else ():
            if name in owner:
                message = f"{name} is also in {owner[name].file}"
                document.add(("intents", name), message, "keep one of the two")
            owner.setdefault(name, document)
    return documents


def read_hotwords(root: Path) -> Document[Hotwords]:
    """Return the hotwords below ``root`` with their findings."""
    return load(root / HOTWORDS, Hotwords, root)


def load_faq(root: Path, phrases: Phrases | None = None) -> Faq:
    """Return the FAQ below ``root``; raises ConfigError with all findings when a file has errors.

    phrases: the phrases, if they are loaded already.
    """
    documents, names = read(root), read_hotwords(root)
    findings: list[Finding] = [found for document in documents.values() for found in document.findings]
    raise_if_errors([*findings, *names.findings], "the answers")
    topics = [document.model for document in documents.values() if document.model]
    assert names.model is not None
    hotwords = {lang: names.model.of(lang) for lang in LANGUAGES}
    return Faq(topics, phrases or load_phrases(root), hotwords)
