"""``voices/phrases/<lang>.yml``: what the receptionist says between answers."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import create_model

from ivr.content.published import load
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Document, Finding, ModelProblem, Strict, raise_if_errors

FOLDER = Path("voices/phrases")


class Phrase(StrEnum):
    """The key of each phrase in the files, followed by the fields that its text holds."""

    fields: tuple[str, ...]

    def __new__(cls, key: str, *fields: str) -> Self:
        """A phrase with its fields."""
        phrase = str.__new__(cls, key)
        phrase._value_, phrase.fields = key, fields
        return phrase

    WELCOME = "welcome"
    MENU_LINE = "menu_line", "key"
    INTRODUCTION = "introduction"
    HOW_CAN_I_HELP = "how_can_i_help"
    ANYTHING_ELSE = "anything_else"
    NO_INPUT = "no_input"
    NOT_UNDERSTOOD = "not_understood"
    REPROMPT_EXAMPLES = "reprompt_examples"
    CONFIRM = "confirm", "name"
    EITHER = "either", "a", "b"
    EXPIRED = "expired"
    EMERGENCY = "emergency"
    HANDOFF = "handoff"
    HANDOFF_WAITING = "handoff_waiting"
    HANDOFF_FAILED = "handoff_failed"
    HANDOFF_DECLINED = "handoff_declined"
    CLOSED = "closed"
    VOICEMAIL_INTRO = "voicemail_intro"
    VOICEMAIL_REVIEW = "voicemail_review"
    VOICEMAIL_SENT = "voicemail_sent"
    VOICEMAIL_EMPTY = "voicemail_empty"
    VOICEMAIL_FAILED = "voicemail_failed"
    CALLBACK_INTRO = "callback_intro"
    CALLBACK_OWN = "callback_own"
    CALLBACK_OWN_ASK = "callback_own_ask"
    CALLBACK_NUMBER = "callback_number"
    CALLBACK_NUMBER_AGAIN = "callback_number_again"
    CALLBACK_COUNTRY = "callback_country"
    CALLBACK_HEARD = "callback_heard"
    CALLBACK_CHECK = "callback_check"
    CALLBACK_NOT_CALLABLE = "callback_not_callable"
    CALLBACK_WHEN = "callback_when"
    CALLBACK_WINDOW = "callback_window", "when", "key"
    CALLBACK_AGREED = "callback_agreed"
    CALLBACK_AGREED_WHEN = "callback_agreed_when", "when"
    CALLBACK_LIMIT = "callback_limit"
    CALLBACK_FAILED = "callback_failed"
    CALLBACK_WHISPER = "callback_whisper"
    CALLBACK_ACCEPT = "callback_accept"
    CALLBACK_UNANSWERED = "callback_unanswered"
    CALLBACK_GREETING = "callback_greeting"
    WINDOW_HOURS = "window_hours", "day", "start", "end"
    WINDOW_MORNING = "window_morning", "day"
    WINDOW_AFTERNOON = "window_afternoon", "day"
    GOODBYE = "goodbye"
    TOO_LONG = "too_long"
    NOT_FOR_US = "not_for_us"
    NO_PROGRESS = "no_progress"
    LANGUAGE_WHICH = "language_which"
    LANGUAGE_CHANGED = "language_changed"
    TOPICS = "topics"
    BY_KEYS = "by_keys"
    TOPIC_LINE = "topic_line", "name", "key"
    PERSON_LINE = "person_line", "key"
    REPEAT_NOTHING = "repeat_nothing"
    TECHNICAL = "technical"
    FALLBACK = "fallback"
    CROWDED = "crowded", "key"
    STILL_THERE = "still_there"
    BACK_TO_SERVICE = "back_to_service"
    RECORDING_NOTICE = "recording_notice", "key"
    RECORDING_REFUSED = "recording_refused"
    APOLOGY_WAIT = "apology_wait"
    QUEUE_WAIT = "queue_wait", "time"
    QUEUE_WAIT_LONGER = "queue_wait_longer", "time"
    TIME_SECONDS = "time_seconds", "n"
    TIME_MINUTE = "time_minute"
    TIME_MINUTE_AND_HALF = "time_minute_and_half"
    TIME_TWO_AND_HALF = "time_two_and_half"
    TIME_MINUTES = "time_minutes", "n"
    QUEUE_NEXT = "queue_next"
    QUEUE_NUMBER = "queue_number"
    QUEUE_OPTIONS = "queue_options"
    WHISPER_FR = "whisper_fr"
    WHISPER_EN = "whisper_en"
    WHISPER_ES = "whisper_es"
    WHISPER_DE = "whisper_de"
    WHISPER_IT = "whisper_it"
    WHISPER_ASKED = "whisper_asked"
    WHISPER_NOT_UNDERSTOOD = "whisper_not_understood"
    WHISPER_SILENCE = "whisper_silence"
    WHISPER_URGENT = "whisper_urgent"
    WHISPER_LOST_CHILD = "whisper_lost_child"
    ADVISER_ACCEPT = "adviser_accept"
    ADVISER_AVAILABLE = "adviser_available"
    ADVISER_PAUSED = "adviser_paused"
    ADVISER_AWAY = "adviser_away"


class _PhraseFile(Strict):
    def problems(self) -> Iterator[ModelProblem]:
        for key, text in self.model_dump().items():
            yield from _problems(Phrase(key), text)


_FIELDS: dict[str, Any] = {phrase.value: (str, ...) for phrase in Phrase}
PhraseFile = create_model("PhraseFile", __base__=_PhraseFile, **_FIELDS)


def _problems(key: Phrase, text: str) -> Iterator[ModelProblem]:
    if not text.strip():
        yield ModelProblem((key,), f"'{key}' says nothing", "write what the caller hears")
        return
    wanted = set(key.fields)
    try:
        found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        yield ModelProblem((key,), "a { or } stands alone", "write fields like {name}, and no other braces")
        return
    for name in sorted(wanted - found):
        yield ModelProblem(
            (key,), f"{{{name}}} is missing in '{key}'", f"write {{{name}}} where it is to be said"
        )
    for name in sorted(found - wanted):
        known = ", ".join(f"{{{field}}}" for field in key.fields) or "none"
        yield ModelProblem((key,), f"'{key}' does not know {{{name}}}", f"fields allowed here: {known}")


class Phrases:
    """The phrases of all languages; ``texts``: language -> key -> text."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = texts

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have phrases."""
        return tuple(self._texts)

    def text(self, lang: str, phrase: Phrase, /, **fields: str) -> str:
        """Return ``phrase`` in ``lang`` with its fields filled in."""
        return self._texts[lang][phrase].format(**fields)

    def fixed(self, lang: str) -> list[str]:
        """Return the phrases of ``lang`` without fields, which can be rendered in advance."""
        return [text for key, text in self._texts[lang].items() if not Phrase(key).fields]


def read(root: Path) -> dict[str, Document[_PhraseFile]]:
    """Return the file of each language below ``root`` with its findings."""
    return {lang: load(root / FOLDER / f"{lang}.yml", PhraseFile, root) for lang in LANGUAGES}


def load_phrases(root: Path) -> Phrases:
    """Return the phrases below ``root``; raises ConfigError with all findings when a file has errors."""
    documents = read(root)
    findings: list[Finding] = [finding for document in documents.values() for finding in document.findings]
    raise_if_errors(findings, "the phrases")
    models = {lang: document.model for lang, document in documents.items()}
    return Phrases({lang: model.model_dump() for lang, model in models.items() if model is not None})
