"""Closed lists of words that packages share: outcomes, reasons, decisions, states.

The values are the words in JSON, in the store and in the API.  A stored event may hold a word that this version does
not list.  Such a word becomes a value of its list that equals its text and none of the members.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

UNLISTED = "UNLISTED"
"""``name`` of a value that is not a member."""


class Term(StrEnum):
    """Base of the lists; ``Term(text)`` accepts every string, so that events of all versions load."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unlisted = str.__new__(cls, value)
        unlisted._name_, unlisted._value_ = UNLISTED, value
        return unlisted

    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.value,)  # by value: a value that is not listed has no name to be found by

    @property
    def listed(self) -> bool:
        """Whether this version knows the word."""
        return self._name_ != UNLISTED


class CallOutcome(Term):
    """How a call ended."""

    ANSWERED = "answered"
    PERSON = "person"  # the caller talked to a person
    MESSAGE = "message"
    ABANDONED = "abandoned"
    FALLBACK = "fallback"  # the dialplan took over and nothing else is known


class Party(Term):
    """Who ended a call or a talk."""

    CALLER = "caller"
    ADVISER = "adviser"
    SERVICE = "service"
    DIALPLAN = "dialplan"  # concluded afterwards from what the dialplan left


class LanguageSource(Term):
    """How the language of a call was chosen."""

    KEY = "key"
    VOICE = "voice"  # the caller named it
    QUESTION = "question"  # the caller asked a question in it
    DEFAULT = "default"  # the caller said nothing


class PersonReason(Term):
    """Why a caller is put through to a person."""

    ASKED = "asked"
    KEY = "key"
    NOT_UNDERSTOOD = "not-understood"
    SILENCE = "silence"
    URGENT = "urgent"
    LOST_CHILD = "lost-child"


class QueueExit(Term):
    """Why a caller left the queue without an adviser."""

    TIMEOUT = "timeout"
    CALLBACK = "callback"
    MESSAGE = "message"
    HANG_UP = "hang-up"
    EMPTY = "empty"  # no adviser was there
    DECLINED = "declined"  # no adviser accepted


class MessageEnd(Term):
    """How a recorded message came to its end."""

    SENT = "sent"
    HANG_UP = "hang-up"
    FALLBACK = "fallback"  # recorded by the dialplan


class TransferStatus(Term):
    """What the dialplan says of a caller it gives back; ``LEAVING`` while the caller is on the way out."""

    LEAVING = ""
    SERVED = "CONTINUE"  # talked to a person
    CALLBACK = "CALLBACK"  # pressed the key for a callback while waiting
    MESSAGE = "MESSAGE"  # pressed the key for the voicemail while waiting
    DECLINED = "DECLINED"  # every adviser refused
    TIMEOUT = "TIMEOUT"  # no adviser answered within the longest wait
    NO_ANSWER = "NOANSWER"  # no fallback telephone answered
    LOST = "LOST"  # the worker that had the call is gone
    JOIN_EMPTY = "JOINEMPTY"
    LEAVE_EMPTY = "LEAVEEMPTY"
    JOIN_UNAVAILABLE = "JOINUNAVAIL"
    LEAVE_UNAVAILABLE = "LEAVEUNAVAIL"


class TransferDestination(StrEnum):
    """Where the dialplan takes a caller; each is the name of an extension."""

    QUEUE = "queue"
    ON_CALL = "oncall"
    OVERFLOW = "overflow"


class Decision(Term):
    """What to do with an utterance."""

    ANSWER = "answer"
    CONFIRM = "confirm"
    EITHER = "either"
    REPROMPT = "reprompt"
    CONTROL = "control"
    HANDOFF = "handoff"
    LET_GO = "let-go"  # nobody seems to speak to the service: the call is ended
    FOLLOW = "follow"  # follow.*: an aspect of the running topic, see faq.resolve_follow_up
    SOCIAL = "social"  # greeting, thanks, anyone, insult: no question in it


class AdviserState(StrEnum):
    """What an adviser does; they set the first three themselves."""

    AVAILABLE = "available"
    PAUSED = "paused"
    AWAY = "away"
    RINGING = "ringing"
    IN_CALL = "in-call"
    WRAP_UP = "wrap-up"
    UNREACHABLE = "unreachable"


class FaultPart(Term):
    """Which part of ours failed."""

    CALL = "call"
    NLU = "nlu"
    RECOGNISER = "recogniser"
    VOICEMAIL = "voicemail"
