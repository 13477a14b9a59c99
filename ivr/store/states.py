"""States of what people and jobs work through: messages, callbacks, notifications.

The values are the words in the store and in the API.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class MessageState(StrEnum):
    """How far a message in the inbox is."""

    NEW = "new"
    TAKEN = "taken"
    ANSWERED = "answered"


class TranscriptState(IntEnum):
    """How far the transcript of a message is; the column ``messages.transcribed``."""

    WAITING = 0
    READY = 1
    NOT_POSSIBLE = 2  # there may be words of a part of it

    @property
    def word(self) -> str:
        """The word in the API."""
        return self.name.lower().replace("_", "-")


class MessageAction(StrEnum):
    """What people do with a message, as its history names it."""

    TAKE = "take"
    RELEASE = "release"
    ANSWER = "answer"
    REOPEN = "reopen"
    NOTE = "note"


class CallbackState(StrEnum):
    """How far a callback is."""

    OPEN = "open"
    CALLING = "calling"
    DONE = "done"
    CLOSED = "closed"  # without a talk


class AttemptResult(StrEnum):
    """How an attempt to call back ended."""

    TALKED = "talked"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    NOT_ACCEPTED = "not-accepted"  # answered without the key: a mailbox, a fax, another person
    NO_ADVISER = "no-adviser"
    DECLINED = "declined"  # by the adviser
    INTERRUPTED = "interrupted"  # Asterisk stopped during the call


class DeliveryState(StrEnum):
    """How far a notification of the staff is."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given-up"
