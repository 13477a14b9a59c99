"""voices/phrases/<lang>.yml: what the receptionist says between answers."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import create_model

from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Document, Finding, Problem, Strict, load, raise_if_errors

FOLDER = Path("voices/phrases")

# Every key, with the fields that its text holds.
KEYS: dict[str, tuple[str, ...]] = {
    "welcome": (),
    "menu_line": ("key",),
    "introduction": (),
    "how_can_i_help": (),
    "anything_else": (),
    "no_input": (),
    "not_understood": (),
    "reprompt_examples": (),
    "confirm": ("name",),
    "either": ("a", "b"),
    "expired": (),
    "emergency": (),
    "handoff": (),
    "handoff_waiting": (),
    "handoff_failed": (),
    "handoff_declined": (),
    "closed": (),
    "voicemail_intro": (),
    "voicemail_review": (),
    "voicemail_sent": (),
    "voicemail_empty": (),
    "voicemail_failed": (),
    "callback_intro": (),
    "callback_own": (),
    "callback_own_ask": (),
    "callback_number": (),
    "callback_number_again": (),
    "callback_heard": (),
    "callback_check": (),
    "callback_not_callable": (),
    "callback_when": (),
    "callback_window": ("when", "key"),
    "callback_agreed": (),
    "callback_agreed_when": ("when",),
    "callback_limit": (),
    "callback_failed": (),
    "callback_whisper": (),
    "callback_accept": (),
    "callback_unanswered": (),
    "window_hours": ("day", "start", "end"),
    "window_morning": ("day",),
    "window_afternoon": ("day",),
    "goodbye": (),
    "too_long": (),
    "language_which": (),
    "language_changed": (),
    "topics": (),
    "by_keys": (),
    "topic_line": ("name", "key"),
    "person_line": ("key",),
    "repeat_nothing": (),
    "technical": (),
    "fallback": (),
    "crowded": ("key",),
    "still_there": (),
    "back_to_service": (),
    "recording_notice": ("key",),
    "recording_refused": (),
    "apology_wait": (),
    "queue_wait": ("time",),
    "queue_wait_longer": ("time",),
    "time_seconds": ("n",),
    "time_minute": (),
    "time_minute_and_half": (),
    "time_two_and_half": (),
    "time_minutes": ("n",),
    "queue_next": (),
    "queue_number": (),
    "queue_options": (),
    "whisper_fr": (),
    "whisper_en": (),
    "whisper_es": (),
    "whisper_de": (),
    "whisper_it": (),
    "whisper_asked": (),
    "whisper_not_understood": (),
    "whisper_silence": (),
    "whisper_urgent": (),
    "whisper_lost_child": (),
    "adviser_accept": (),
    "adviser_available": (),
    "adviser_paused": (),
    "adviser_away": (),
}


class _PhraseFile(Strict):
    def problems(self) -> Iterator[Problem]:
        for key, text in self.model_dump().items():
            yield from _faults(key, text)


PhraseFile = create_model("PhraseFile", __base__=_PhraseFile, **{key: (str, ...) for key in KEYS})  # type: ignore[call-overload]


def _faults(key: str, text: str) -> Iterator[Problem]:
    if not text.strip():
        yield Problem((key,), f"'{key}' says nothing", "write what the caller hears")
        return
    wanted = set(KEYS[key])
    try:
        found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        yield Problem((key,), "a { or } stands alone", "write fields like {name}, and no other braces")
        return
    for name in sorted(wanted - found):
        yield Problem((key,), f"{{{name}}} is missing in '{key}'", f"write {{{name}}} where it is to be said")
    for name in sorted(found - wanted):
        known = ", ".join(f"{{{field}}}" for field in KEYS[key]) or "none"
        yield Problem((key,), f"'{key}' does not know {{{name}}}", f"fields allowed here: {known}")


class Phrases:
    """The phrases of every language."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = texts

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have phrases."""
        return tuple(self._texts)

    def text(self, lang: str, phrase: str, /, **fields: str) -> str:
        """The phrase ``phrase`` in ``lang`` with its fields filled in."""
        return self._texts[lang][phrase].format(**fields)

    def fixed(self, lang: str) -> list[str]:
        """Phrases without fields: what can be rendered in advance."""
        return [text for key, text in self._texts[lang].items() if not KEYS[key]]


def read(root: Path) -> dict[str, Document[_PhraseFile]]:
    """Every language's file with its findings."""
    return {lang: load(root / FOLDER / f"{lang}.yml", PhraseFile, root) for lang in LANGUAGES}


def load_phrases(root: Path) -> Phrases:
    """The phrases; raises ConfigError with every finding when a file has errors."""
    documents = read(root)
    findings: list[Finding] = [finding for document in documents.values() for finding in document.findings]
    raise_if_errors(findings, "the phrases")
    models = {lang: document.model for lang, document in documents.items()}
    return Phrases({lang: model.model_dump() for lang, model in models.items() if model is not None})
