"""The events of a call -> what counts about it.  Pure.

A call is of one kind, so that the kinds add up to all calls::

    person      the caller asked for a person, whatever came of it
    contained   he did not, and the service answered him
    message     he did not, and left a message or asked for a callback
    left        he did not, and went without any of these
    failed      our program failed and the dialplan's fallback had him
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ivr.content.phrases import Phrase
from ivr.core import events
from ivr.core.vocabulary import CallOutcome, PersonReason, QueueExit

ANSWERED = "answered"
NOBODY = (Phrase.CLOSED, "closed_reason", Phrase.HANDOFF_FAILED)
"""Keys of the phrases that tell the caller that nobody is there."""
QUEUE_LOG_S = 1.0
"""The queue log's clock may be so many seconds behind."""


class ContactKind(StrEnum):
    """What a call came to."""

    PERSON = "person"
    CONTAINED = "contained"
    MESSAGE = "message"
    LEFT = "left"
    FAILED = "failed"


OUTCOMES = {
    CallOutcome.ANSWERED: ContactKind.CONTAINED,
    CallOutcome.MESSAGE: ContactKind.MESSAGE,
    CallOutcome.ABANDONED: ContactKind.LEFT,
}
"""CallFinished.outcome of a call without a wish for a person -> its kind; any other means that we failed."""


@dataclass(frozen=True)
class Request:
    """One wish for a person, from PersonWanted to its end.

    ``ended``: answered, or why the waiting ended (QueueLeft.why); ``waited_s`` seconds from wish to end.
    """

    why: PersonReason
    ended: str
    waited_s: float


@dataclass(frozen=True)
class CallFacts:
    """What counts about one call that is over.  ``started`` in seconds since 1970, ``answers_s`` mouth to ear."""

    id: str
    started: float
    lang: str
    kind: ContactKind
    requests: tuple[Request, ...] = ()
    talked_s: tuple[float, ...] = ()
    messages: int = 0
    callbacks: int = 0
    answers_s: tuple[float, ...] = ()


def call_of(call_id: str, story: Sequence[events.Stamped]) -> CallFacts | None:
    """The call that these events tell in their order; None while it goes on."""
    tally = _Tally()
    for item in sorted(story, key=_when):
        tally.take(item)
    if tally.finished is None:
        return None
    outcome = CallOutcome.MESSAGE if tally.callbacks else tally.finished.outcome
    kind = ContactKind.PERSON if tally.requests else OUTCOMES.get(outcome, ContactKind.FAILED)
    return CallFacts(
        call_id, tally.started, tally.lang, kind, tuple(tally.requests), tuple(tally.talked_s),
        tally.messages, tally.callbacks, tuple(tally.answers_s.values()),
    )  # fmt: skip


def _when(item: events.Stamped) -> float:
    """The order of counting.

    Ends of waiting come from Asterisk's queue log, whose clock has whole seconds: they may seem to be earlier than
    their beginning.  The end of the call is whoever's last word, and may be noted before the log was read.
    """
    match item.event:
        case events.PersonAnswered() | events.QueueLeft():
            return item.at + QUEUE_LOG_S
        case events.CallFinished():
            return math.inf
    return item.at


def calls_of(stories: Iterable[tuple[str, Sequence[events.Stamped]]]) -> list[CallFacts]:
    """All calls that are over."""
    return [call for call_id, story in stories if (call := call_of(call_id, story)) is not None]


@dataclass
class _Tally:
    """Counts while the events pass by."""

    started: float = 0.0
    lang: str = ""
    requests: list[Request] = field(default_factory=list)
    talked_s: list[float] = field(default_factory=list)
    messages: int = 0
    callbacks: int = 0
    answers_s: dict[int, float] = field(default_factory=dict)
    finished: events.CallFinished | None = None
    _wish: events.PersonWanted | None = None
    _since: float = 0.0

    def take(self, item: events.Stamped) -> None:
        self.started = self.started or item.at
        match item.event:
            case events.LanguageChosen(lang=lang):
                self.lang = lang
            case events.PersonWanted() as wish if self._wish is None:  # asked again: he waits since the first
                self._wish, self._since = wish, item.at
            case events.PersonAnswered(waited_s=waited_s):
                self._end(ANSWERED, waited_s)
            case events.QueueLeft(why=why, waited_s=waited_s):
                self._end(why, waited_s)
            case events.Said(key=key) if key in NOBODY:  # he was put into no queue at all
                self._end(QueueExit.EMPTY, item.at - self._since)
            case events.PersonLeft(seconds=seconds):
                self.talked_s.append(seconds)
            case events.MessageLeft():
                self.messages += 1
            case events.CallbackWanted():
                self.callbacks += 1
            case events.MouthToEar(turn=turn, seconds=seconds):  # measured twice after a crash: once
                self.answers_s[turn] = seconds
            case events.CallFinished() as finished:
                self.finished = finished
                self._end(QueueExit.HANG_UP, item.at - self._since)

    def _end(self, how: str, waited_s: float) -> None:
        if self._wish is not None:
            self.requests.append(Request(self._wish.why, how, round(waited_s, 3)))
            self._wish = None
