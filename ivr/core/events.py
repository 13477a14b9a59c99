"""The events of a call: one vocabulary for logs, the store, the API and replays.

Each event is a frozen dataclass, and the name of each field is its key in JSON.  A field named ``number`` holds a
person's telephone number; the store keeps its pseudonym.  ``t`` in a ``Stamped`` counts seconds from the answer of
the call, by the call's own clock.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, get_type_hints

from ivr.core.vocabulary import (
    CallOutcome,
    Decision,
    FaultPart,
    LanguageSource,
    MessageEnd,
    Party,
    PersonReason,
    QueueExit,
    Term,
    TransferStatus,
)

WITHHELD_NUMBER = "(number)"
"""Stands in events for a telephone number that a caller said or keyed in."""


@dataclass(frozen=True)
class Event:
    """Base of all events; ``kind`` is the name of the event in JSON, in the store and in logs."""

    kind: ClassVar[str] = ""


@dataclass(frozen=True)
class CallStarted(Event):
    """A worker received a call.

    number: the caller's, as the trunk gave it.
    called: the number that was called.
    part: 0 for a new call, more when the dialplan gave the call back.
    generation: the content version in use; 0: the files as edited.
    recogniser: the engine in use.
    """

    kind: ClassVar[str] = "call-started"
    number: str
    called: str
    worker: str
    part: int = 0
    generation: int = 0
    recogniser: str = ""


@dataclass(frozen=True)
class LanguageChosen(Event):
    """The language of the call is known, and ``how`` it was chosen."""

    kind: ClassVar[str] = "language-chosen"
    lang: str
    how: LanguageSource


@dataclass(frozen=True)
class RecordingRefused(Event):
    """The caller refuses to be recorded; only counts of this call are kept."""

    kind: ClassVar[str] = "recording-refused"


@dataclass(frozen=True)
class Said(Event):
    """The service spoke.

    key: the phrase or intent.
    start_s: when it began, in seconds since the answer.
    length_s: length of the prompt in seconds; the caller heard the first ``heard_s`` of it.
    """

    kind: ClassVar[str] = "said"
    key: str
    text: str
    lang: str
    start_s: float
    length_s: float
    heard_s: float
    interrupted: bool


@dataclass(frozen=True)
class Listened(Event):
    """What the next turn depended on besides its sound, for replays.  Times count the listener's frames of 20 ms.

    ``since``, ``until``: first and last frame listened to.
    ``first``, ``last``: first and last voiced frame of the caller's words; 0 for none.
    ``prompt``: frames in which the service spoke, as runs (``12+3``: three from the 12th on).
    ``decodes``: the frame at which each decode began, and after how many frames its text was ready.  ``80+25`` is a
    decode that counted, ``80+`` one that was thrown away before, ``80+25!`` one whose second decode came too late.
    """

    kind: ClassVar[str] = "listened"
    since: int
    until: int
    first: int
    last: int
    prompt: str
    decodes: str


@dataclass(frozen=True)
class Heard(Event):
    """The caller spoke.

    confidence: the recogniser's, 0 to 1.
    start_s, end_s: the first and the last sound, in seconds since the answer.
    decode_s: seconds that decoding took.
    from_s, to_s: the audio that was decoded, in seconds since the answer; ``sum`` is its CRC-32.
    gaps: the frames of it that hold no sound.
    finished: the probability, from intonation, that the caller had finished; None: not measured.
    """

    kind: ClassVar[str] = "heard"
    text: str
    lang: str
    confidence: float
    engine: str
    start_s: float
    end_s: float
    decode_s: float
    from_s: float = 0.0
    to_s: float = 0.0
    sum: str = ""
    gaps: str = ""
    finished: float | None = None


@dataclass(frozen=True)
class KeyPressed(Event):
    """The caller pressed a key."""

    kind: ClassVar[str] = "key"
    digit: str


@dataclass(frozen=True)
class NothingHeard(Event):
    """The caller neither spoke nor pressed a key for ``waited_s`` seconds after a prompt."""

    kind: ClassVar[str] = "nothing-heard"
    waited_s: float


@dataclass(frozen=True)
class Understood(Event):
    """What the classifier made of it: the best intent and the second, each with its confidence (0 to 1).

    ``ms``: time to understand, in milliseconds.  ``classifier``: ``rasa``, or ``local`` while Rasa does not answer.
    """

    kind: ClassVar[str] = "understood"
    intent: str
    confidence: float
    second: str
    second_confidence: float
    ms: float
    classifier: str = ""


@dataclass(frozen=True)
class Decided(Event):
    """What the gate decided; ``other`` is the second intent of EITHER."""

    kind: ClassVar[str] = "decided"
    decision: Decision
    intent: str
    other: str = ""


@dataclass(frozen=True)
class HandOff(Event):
    """The caller is put through to the queue ``target``; ``status`` LEAVING on the way out, else how it ended."""

    kind: ClassVar[str] = "hand-off"
    target: str
    status: TransferStatus = TransferStatus.LEAVING


@dataclass(frozen=True)
class PersonWanted(Event):
    """The caller wants a person, and ``why``."""

    kind: ClassVar[str] = "person-wanted"
    why: PersonReason


@dataclass(frozen=True)
class Queued(Event):
    """The caller waits in ``queue`` at ``position`` (from 1).

    told_s: the waiting time that was announced, in seconds; 0: none, the longest wait: that it takes longer.
    """

    kind: ClassVar[str] = "queued"
    queue: str
    position: int
    told_s: float


@dataclass(frozen=True)
class Ringing(Event):
    """An adviser's telephone rings for the caller."""

    kind: ClassVar[str] = "ringing"
    adviser: str


@dataclass(frozen=True)
class PersonAnswered(Event):
    """An adviser accepted the call, ``waited_s`` seconds after PersonWanted."""

    kind: ClassVar[str] = "person-answered"
    adviser: str
    waited_s: float


@dataclass(frozen=True)
class PersonLeft(Event):
    """The talk with the adviser ended after ``seconds``, ``by`` the caller or the adviser."""

    kind: ClassVar[str] = "person-left"
    adviser: str
    seconds: float
    by: Party


@dataclass(frozen=True)
class QueueLeft(Event):
    """The caller left the queue without an adviser, ``waited_s`` seconds after PersonWanted."""

    kind: ClassVar[str] = "queue-left"
    why: QueueExit
    waited_s: float


@dataclass(frozen=True)
class CallbackWanted(Event):
    """The caller wants to be called back at ``number`` (``+33...``) in the language ``lang``.

    start, end: the agreed window, in seconds since 1970.
    topic: the intent of the last question, or empty.
    """

    kind: ClassVar[str] = "callback-wanted"
    callback: str
    number: str
    lang: str
    start: float
    end: float
    topic: str


@dataclass(frozen=True)
class MessageLeft(Event):
    """A message was recorded: ``file`` relative to the state folder, ``seconds`` long, and ``why`` it ended."""

    kind: ClassVar[str] = "message-left"
    message: str
    file: str
    lang: str
    number: str
    seconds: float
    why: MessageEnd


@dataclass(frozen=True)
class MessageTranscribed(Event):
    """An automatic transcript of a message.

    urgency: the urgent words in it, separated by commas.
    possible: false when the recogniser failed at each try; ``text`` holds what it understood until it failed.
    """

    kind: ClassVar[str] = "message-transcribed"
    message: str
    text: str
    confidence: float
    urgency: str = ""
    possible: bool = True


@dataclass(frozen=True)
class Fault(Event):
    """A part of the service failed, and the call went on without it."""

    kind: ClassVar[str] = "fault"
    part: FaultPart
    what: str


@dataclass(frozen=True)
class CallFinished(Event):
    """The call is over after ``seconds``; ``by``: who ended it."""

    kind: ClassVar[str] = "call-finished"
    outcome: CallOutcome
    by: Party
    seconds: float


@dataclass(frozen=True)
class RecordingKept(Event):
    """The stereo recording of a call (left: caller, right: service), ``file`` relative to the state folder.

    ``ear``: the capture beside it holds what the listener got of the caller.  Of each part of the call, this is the
    ``seq`` of its call-started and the number of frames (``1795318814000000000+1500``); empty where nothing listened.
    """

    kind: ClassVar[str] = "recording-kept"
    file: str
    seconds: float
    ear: str = ""


@dataclass(frozen=True)
class MouthToEar(Event):
    """The waiting time for one answer, measured in the recording.

    turn: number of the caller's turn, counted from 1 over the Heard events.
    caller_end_s: the caller's last sound, in seconds since the answer.
    seconds: from that sound to the first sound of the service.
    """

    kind: ClassVar[str] = "mouth-to-ear"
    turn: int
    caller_end_s: float
    seconds: float


@dataclass(frozen=True)
class RecordingMeasured(Event):
    """The recording was measured.

    answers: number of waiting times found in it.
    greeting_s: seconds from the answer to the first sound of the service; -1: there is none.
    """

    kind: ClassVar[str] = "recording-measured"
    answers: int
    greeting_s: float


EVENTS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        CallStarted, LanguageChosen, RecordingRefused, Said, Listened, Heard, KeyPressed, NothingHeard,
        Understood, Decided, HandOff, PersonWanted, Queued, Ringing, PersonAnswered, PersonLeft, QueueLeft,
        CallbackWanted, MessageLeft, MessageTranscribed, Fault, CallFinished, RecordingKept, MouthToEar,
        RecordingMeasured,
    )
}  # fmt: skip

_TERMS: dict[type[Event], dict[str, type[Term]]] = {
    cls: {name: hint for name, hint in get_type_hints(cls).items() if hint in Term.__subclasses__()}
    for cls in EVENTS.values()
}
"""The fields of each event whose words come from a list, and the list."""
_PLAIN: dict[type[Event], dict[str, type]] = {
    cls: {name: hint for name, hint in get_type_hints(cls).items() if hint in (str, int, float, bool)}
    for cls in EVENTS.values()
}
"""The fields of each event that hold a text or a number."""


@dataclass(frozen=True)
class Stamped:
    """An event of the call ``call_id``.

    seq: nanoseconds since 1970, strictly rising within a call; orders the events.
    t: seconds since the answer of the call.
    """

    call_id: str
    seq: int
    t: float
    event: Event

    @property
    def at(self) -> float:
        """Wall-clock time, seconds since 1970."""
        return self.seq / 1e9


def to_json(stamped: Stamped) -> dict[str, Any]:
    """Return the event as a flat JSON object."""
    head = {"call": stamped.call_id, "seq": stamped.seq, "t": round(stamped.t, 3), "kind": stamped.event.kind}
    return head | asdict(stamped.event)


def from_json(data: Mapping[str, Any]) -> Stamped:
    """Return the event in ``data``, the inverse of ``to_json``; raises ValueError on anything else.

    Unknown fields are left out; an unknown word of a Term is kept (``ivr.core.vocabulary``).
    """
    if not isinstance(data, Mapping):
        raise ValueError("no object")
    cls = EVENTS.get(str(data.get("kind")))
    if cls is None:
        raise ValueError(f"unknown event kind {data.get('kind')!r}")
    try:
        values = {spec.name: data[spec.name] for spec in fields(cls) if spec.name in data}
        _require_plain(cls, values)
        terms = {name: term(values[name]) for name, term in _TERMS[cls].items() if name in values}
        event = cls(**(values | terms))
        return Stamped(str(data["call"]), int(data["seq"]), float(data["t"]), event)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"event {data.get('kind')!r}: {error}") from None


def _require_plain(cls: type[Event], values: Mapping[str, Any]) -> None:
    """Raise TypeError when a field that holds a text or a number holds something else: no database takes it."""
    for name, hint in _PLAIN[cls].items():
        if name in values and isinstance(values[name], str) != (hint is str):
            raise TypeError(f"{name} is no {hint.__name__}")
        if name in values and not isinstance(values[name], str | int | float):
            raise TypeError(f"{name} is no {hint.__name__}")


class Sequence:
    """Strictly rising event numbers for one call; they follow the clock, so they rise across restarts too."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """Return the next number."""
        self._last = max(self._last + 1, time.time_ns())
        return self._last
