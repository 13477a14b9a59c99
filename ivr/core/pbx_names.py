"""Names that the dialplan shares with packages which do not import ``ivr.asterisk``: content, store, the dialogue.

``ivr.asterisk.contract`` holds the rest and fills the templates of ``dialplans/asterisk`` with all of them.
"""

from __future__ import annotations

from enum import StrEnum

QUEUE_PREFIX = "desk-"

SHORTEST_FALLBACK_S = 1.25
"""Seconds of sound below which a fallback message is a hang-up: ``Record`` leaves a second of the final silence."""


class QueueKey(StrEnum):
    """Keys of a caller who waits in a queue."""

    CALLBACK = "1"
    MESSAGE = "2"


class DeskSound(StrEnum):
    """DeskSound files of the folder ``desk``, without ending; ``LANGUAGE``, ``REASON`` and ``TOPIC`` are prefixes."""

    NEXT = "desk/next"
    NUMBER = "desk/number"
    OPTIONS = "desk/options"
    ACCEPT = "desk/accept"
    CALLBACK = "desk/callback"
    CALL_NOW = "desk/call-now"
    UNANSWERED = "desk/unanswered"
    CALLED_BACK = "desk/called-back"
    AVAILABLE = "desk/available"
    PAUSED = "desk/paused"
    AWAY = "desk/away"
    LANGUAGE = "desk/lang-"
    REASON = "desk/why-"
    TOPIC = "desk/topic-"


def queue_of(lang: str) -> str:
    """The queue of a language, such as ``desk-fr`` for ``fr``."""
    return QUEUE_PREFIX + lang


def language_of(queue: str) -> str:
    """The language of a queue; the name itself when it is no queue's."""
    return queue.removeprefix(QUEUE_PREFIX)


def telephone_id(endpoint: str, number: str) -> str:
    """The name of a telephone in the dialplan: its endpoint, or ``n`` and the digits of its number."""
    return endpoint or f"n{number.lstrip('+')}"


def topic_sound(intent: str) -> str:
    """The sound file that names the topic of an intent, such as ``desk/topic-eiffel-price``."""
    return DeskSound.TOPIC + intent.replace(".", "-")
