"""What the receptionist knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from ivr.content.callflow import Callflow
from ivr.content.emergency import Emergency, load_emergency
from ivr.content.faq import Faq, load_faq
from ivr.content.languages import LanguageNames, key_word
from ivr.content.phrases import Phrases, load_phrases
from ivr.core.settings import Settings


@dataclass(frozen=True)
class Content:
    """The content in use and the clock; ``now`` is the time in the office's zone.

    ``callbacks_asked``: how many callbacks a number (``+33...``) has asked for in the last 24 hours.
    """

    callflow: Callflow
    faq: Faq
    phrases: Phrases
    names: LanguageNames
    emergency: Emergency
    key_words: Callable[[str, str], str]
    now: Callable[[], dt.datetime]
    callbacks_asked: Callable[[str], int] = lambda number: 0


def open_office(settings: Settings, callflow: Callflow) -> Content:
    """All that the receptionist knows; raises ConfigError naming file and line."""
    phrases = load_phrases(settings.root)
    return Content(
        callflow=callflow,
        faq=load_faq(settings.root, phrases),
        phrases=phrases,
        names=LanguageNames.load(settings.root),
        emergency=load_emergency(settings.root),
        key_words=key_word,
        now=lambda: now(settings, callflow),
    )


def now(settings: Settings, callflow: Callflow) -> dt.datetime:
    """The time in the office's zone."""
    return settings.now(callflow.hours.zone)
