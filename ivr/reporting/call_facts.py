"""Derives the facts that are counted about a call from its events.  Pure.

Every call is of one kind, so that the kinds add up to all calls::

    person      the caller asked for a person, with any result
    contained   the caller did not, and the service answered them
    message     the caller did not, and left a message or asked for a callback
    left        the caller did not, and hung up without any of these
    failed      the program failed, and the dialplan's fallback served the caller
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
"""Keys of the phrases that tell the caller that no adviser is on duty."""
QUEUE_LOG_S = 1.0
"""Largest lag of the queue log's clock, in seconds."""


class ContactKind(StrEnum):
    """The kind of a call, as the module's head lists them."""

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
"""CallFinished.outcome of a call without a request for a person -> its kind; any other means FAILED."""


@dataclass(frozen=True)
class Request:
    """One request for a person, from PersonWanted to its end.

    ``why``: the reason (PersonWanted.why); ``ended``: ``answered``, or why the wait ended (QueueLeft.why);
    ``waited_s``: seconds from the request to its end.
    """

    why: PersonReason
    ended: str
    waited_s: float


@dataclass(frozen=True)
class CallFacts:
    """The facts that are counted about one call that is over.

    ``started``: seconds since 1970; ``talked_s``: seconds of each talk with an adviser; ``answers_s``: seconds from
    mouth to ear of each answer.
    """

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
    """The facts of the call with these events, in any order; None while the call goes on."""
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
    """The time by which events are counted, in seconds since 1970.

    Ends of waits come from Asterisk's queue log, whose clock has whole seconds, so that an end may seem earlier than
    its beginning.  The end of the call comes last, although it may be stored before the log was read.
    """
    match item.event:
        case events.PersonAnswered() | events.QueueLeft():
            return item.at + QUEUE_LOG_S
        case events.CallFinished():
            return math.inf
    return item.at


def calls_of(stories: Iterable[tuple[str, Sequence[events.Stamped]]]) -> list[CallFacts]:
    """The facts of all calls that are over; ``stories``: each call's id and events."""
    return [call for call_id, story in stories if (call := call_of(call_id, story)) is not None]


@dataclass
class _Tally:
    """Counts events one by one."""

    started: float = 0.0
    lang: str = ""
    requests: list[Request] = field(default_factory=list)
    talked_s: list[float] = field(default_factory=list)
    messages: int = 0
    callbacks: int = 0
    answers_s: dict[int, float] = field(default_factory=dict)
    finished: events.CallFinished | None = None
    _request: events.PersonWanted | None = None
    _since: float = 0.0

    def take(self, item: events.Stamped) -> None:
        self.started = self.started or item.at
        match item.event:
            case events.LanguageChosen(lang=lang):
                self.lang = lang
            case events.PersonWanted() as request if self._request is None:  # a repeated one changes nothing
                self._request, self._since = request, item.at
            case events.PersonAnswered(waited_s=waited_s):
                self._end(ANSWERED, waited_s)
            case events.QueueLeft(why=why, waited_s=waited_s):
                self._end(why, waited_s)
            case events.Said(key=key) if key in NOBODY:  # the caller was put into no queue
                self._end(QueueExit.EMPTY, item.at - self._since)
            case events.PersonLeft(seconds=seconds):
                self.talked_s.append(seconds)
            case events.MessageLeft():
                self.messages += 1
            case events.CallbackWanted():
                self.callbacks += 1
            case events.MouthToEar(turn=turn, seconds=seconds):  # may be measured twice after a crash
                self.answers_s[turn] = seconds
            case events.CallFinished() as finished:
                self.finished = finished
                self._end(QueueExit.HANG_UP, item.at - self._since)

    def _end(self, how: str, waited_s: float) -> None:
        if self._request is not None:
            self.requests.append(Request(self._request.why, how, round(waited_s, 3)))
            self._request = None
