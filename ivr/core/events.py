"""What can happen in a call: one vocabulary, logged, stored, shown and replayed.

Each event is a frozen dataclass; the string under each field's name is its key in JSON.  A field named ``number`` is
a person's telephone number: the store keeps its pseudonym.  ``t`` in a ``Stamped`` is seconds since the call was
answered, by the call's own clock.
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
    """Base; ``kind`` is the event's name in JSON, in the store and in the log."""

    kind: ClassVar[str] = ""


@dataclass(frozen=True)
class CallStarted(Event):
    """A caller reached us.  ``number`` as the trunk gave it; ``part`` > 0 when the call came back to us.

    ``generation`` of the content (0: the files as edited) and ``recogniser`` that serve him.
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
    """The caller does not want to be recorded: nothing of this call is kept but counts."""

    kind: ClassVar[str] = "recording-refused"


@dataclass(frozen=True)
class Said(Event):
    """We spoke.  ``key`` names the phrase or intent; ``heard_s`` of ``length_s`` seconds reached the caller."""

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
    """What the turn that follows depended on besides its sound; for replays.  Counted in the ear's frames of 20 ms.

    ``since``, ``until``: first and last frame listened to; ``first``, ``last``: voiced frame of his words (0: none).
    ``prompt``: frames in which we spoke, as runs (``12+3``: from the 12th on, three).  ``decodes``: the frame at
    which each decode began, and after how many its text was there (``80+25``; ``80+``: thrown away before;
    ``80+25!``: a second listening had begun and came too late).
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
    """The caller spoke.  ``confidence`` 0..1; ``end_s`` end of his last sound; ``decode_s`` time to decode.

    ``from_s``, ``to_s`` and ``sum`` are the audio that was decoded, and its CRC-32; ``gaps`` its frames without
    sound.  ``finished``: how surely he had finished, by how he sounded.
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
    """A key of the telephone."""

    kind: ClassVar[str] = "key"
    digit: str


@dataclass(frozen=True)
class NothingHeard(Event):
    """No speech and no key for ``waited_s`` seconds after our question."""

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
    """What the gate made of that."""

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
    """He waits in ``queue`` as number ``position`` (from 1) and was told ``told_s`` seconds (0: nothing; the longest
    wait: that it takes longer)."""

    kind: ClassVar[str] = "queued"
    queue: str
    position: int
    told_s: float


@dataclass(frozen=True)
class Ringing(Event):
    """An adviser's telephone rings for him."""

    kind: ClassVar[str] = "ringing"
    adviser: str


@dataclass(frozen=True)
class PersonAnswered(Event):
    """An adviser has accepted him, ``waited_s`` seconds after PersonWanted."""

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
    """``number`` (``+33...``) is to be called back in ``lang`` between ``start`` and ``end`` (s since 1970).

    ``topic``: the intent he last asked about, or empty.
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
    """A message is kept: ``file`` relative to the state directory, ``seconds`` long; ``why`` it ended."""

    kind: ClassVar[str] = "message-left"
    message: str
    file: str
    lang: str
    number: str
    seconds: float
    why: MessageEnd


@dataclass(frozen=True)
class MessageTranscribed(Event):
    """An automatic transcript of a message; ``urgency``: the urgent words in it, by commas."""

    kind: ClassVar[str] = "message-transcribed"
    message: str
    text: str
    confidence: float
    urgency: str = ""


@dataclass(frozen=True)
class Fault(Event):
    """Something of ours failed and the call went on another way."""

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
    """The call's stereo recording (left caller, right service), ``file`` relative to the state directory.

    ``ear``: beside it, what our ear got of the caller, and how many frames of it in each part of the call, by the
    ``seq`` of its call-started (``1795318814000000000+1500``); empty where nothing listened.
    """

    kind: ClassVar[str] = "recording-kept"
    file: str
    seconds: float
    ear: str = ""


@dataclass(frozen=True)
class MouthToEar(Event):
    """How long the caller waited for an answer, measured in the recording.

    ``turn`` counts his Heard from 1; ``seconds`` from his last sound (``caller_end_s``) to our first.
    """

    kind: ClassVar[str] = "mouth-to-ear"
    turn: int
    caller_end_s: float
    seconds: float


@dataclass(frozen=True)
class RecordingMeasured(Event):
    """The recording was measured: so many ``answers``; ``greeting_s`` to our first sound, -1 without any."""

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


@dataclass(frozen=True)
class Stamped:
    """An event of call ``call_id``, ``seq`` orders them (nanoseconds since 1970, strictly rising in a call)."""

    call_id: str
    seq: int
    t: float
    event: Event

    @property
    def at(self) -> float:
        """Wall-clock time, seconds since 1970."""
        return self.seq / 1e9


def to_json(stamped: Stamped) -> dict[str, Any]:
    """As a flat JSON object."""
    head = {"call": stamped.call_id, "seq": stamped.seq, "t": round(stamped.t, 3), "kind": stamped.event.kind}
    return head | asdict(stamped.event)


def from_json(data: Mapping[str, Any]) -> Stamped:
    """The inverse of to_json; raises ValueError on anything that is no event.

    Unknown fields are left out; an unknown word of a Term is kept (``ivr.core.vocabulary``).
    """
    if not isinstance(data, Mapping):
        raise ValueError("no object")
    cls = EVENTS.get(str(data.get("kind")))
    if cls is None:
        raise ValueError(f"unknown event kind {data.get('kind')!r}")
    try:
        values = {spec.name: data[spec.name] for spec in fields(cls) if spec.name in data}
        terms = {name: term(values[name]) for name, term in _TERMS[cls].items() if name in values}
        event = cls(**(values | terms))
        return Stamped(str(data["call"]), int(data["seq"]), float(data["t"]), event)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"event {data.get('kind')!r}: {error}") from None


class Sequence:
    """Strictly rising event numbers for one call; they go on rising after a crash, as they follow the clock."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """The next number."""
        self._last = max(self._last + 1, time.time_ns())
        return self._last
