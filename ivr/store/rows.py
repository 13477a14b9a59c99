"""The rows of the tables as frozen dataclasses, one field a column and in the columns' order.

``tables.py`` says what each column holds.  Times are seconds since 1970, unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CallRow:
    """A call; ``number`` is a pseudonym, ``outcome`` is empty while the call goes on."""

    id: str
    started: float
    number: str
    called: str
    lang: str
    outcome: str
    ended_by: str
    seconds: float
    recording: str
    generation: int
    recogniser: str
    refused: int
    held: str
    wordless: int


@dataclass(frozen=True)
class EventRow:
    """An event as it is stored; ``body`` is its JSON."""

    call_id: str
    seq: int
    t: float
    kind: str
    body: str


@dataclass(frozen=True)
class TurnRow:
    """A turn of a call, derived from the events; ``start_s`` and ``end_s`` count from the answer of the call."""

    call_id: str
    n: int
    kind: str
    start_s: float
    end_s: float
    lang: str = ""
    heard: str = ""
    engine: str = ""
    confidence: float = 0.0
    intent: str = ""
    intent_confidence: float = 0.0
    second: str = ""
    second_confidence: float = 0.0
    decision: str = ""
    decided: str = ""
    answer: str = ""
    answer_text: str = ""
    answer_s: float | None = None
    mouth_to_ear_s: float | None = None
    generation: int = 0


@dataclass(frozen=True)
class SpokenTurn(TurnRow):
    """A turn in which something was heard, with the begin and the recording of its call."""

    started: float = 0.0
    recording: str = ""


@dataclass(frozen=True)
class StoredLabel(SpokenTurn):
    """One person's label of a turn, with the turn itself."""

    labeller: str = ""
    words: str = ""
    meant: str = ""
    note: str = ""
    labelled_at: float = 0.0


@dataclass(frozen=True)
class MessageRow:
    """A message that a caller left; ``transcribed``: see ``TranscriptState``."""

    id: str
    call_id: str | None
    left_at: float
    number: str
    lang: str
    seconds: float
    file: str
    why: str
    transcript: str
    confidence: float
    transcribed: int
    urgency: str
    state: str
    owner: str
    announced: int
    reminded: int


@dataclass(frozen=True)
class MessageChangeRow:
    """One thing that a person did about a message."""

    id: int
    message_id: str
    at: float
    by: str
    what: str
    note: str


@dataclass(frozen=True)
class DeliveryRow:
    """One notification of the staff in the outbox."""

    id: str
    kind: str
    message_id: str
    channel: str
    target: str
    state: str
    attempts: int
    created: float
    due: float
    error: str


@dataclass(frozen=True)
class CallbackRow:
    """A callback that a caller asked for, with the window that they were promised."""

    id: str
    call_id: str | None
    asked_at: float
    number: str
    lang: str
    topic: str
    start: float
    end: float
    state: str
    owner: str
    attempts: int
    moves: int
    next_at: float
    outcome: str
    ended_at: float | None


@dataclass(frozen=True)
class CallbackAttemptRow:
    """One time an adviser's telephone was rung for a callback; ``result`` is empty while it goes on."""

    id: int
    callback_id: str
    at: float
    adviser: str
    result: str
    seconds: float
