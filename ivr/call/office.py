"""What the receptionist knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from ivr.call.language import LanguageNames
from ivr.callflow import Callflow
from ivr.emergency import Emergency
from ivr.faq import Faq
from ivr.phrases import Phrases


@dataclass(frozen=True)
class Office:
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
