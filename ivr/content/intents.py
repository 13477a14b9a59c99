"""The intents that the program knows by name; all others are only topics of ``nlu/faq``."""

from __future__ import annotations

from enum import StrEnum


class ControlIntent(StrEnum):
    """What a caller orders instead of asking a question: ``nlu/faq/control.yml``."""

    HUMAN = "human"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    REPEAT = "repeat"
    SLOWER = "slower"
    MENU = "menu"
    CHANGE_LANGUAGE = "change_language"
    GOODBYE = "goodbye"
    YES = "yes"
    NO = "no"


EMERGENCY = "emergency"
OUT_OF_SCOPE = "oos"
"""Nothing that the service can answer."""
THANKS = "thanks"
FOLLOW_UP = "follow."
"""Prefix of the intents that ask for another aspect of the last topic (``follow.price``)."""
NEEDED = (*ControlIntent, EMERGENCY, OUT_OF_SCOPE)
"""The intents without which no call can be served."""
