"""Events of invented calls."""

from __future__ import annotations

from dataclasses import replace

from ivr.core import events
from ivr.core.events import Stamped
from ivr.core.pseudonyms import Pseudonyms
from ivr.core.vocabulary import (
    CallOutcome,
    Decision,
    FaultPart,
    LanguageSource,
    MessageEnd,
    Party,
    PersonReason,
    QueueExit,
    TransferStatus,
)

SECOND = 1_000_000_000
BEGUN = 1_795_302_000 * SECOND
"""The first call begins here (nanoseconds since 1970)."""

PSEUDONYMS = Pseudonyms("a key for tests")
NUMBER = "+34912345678"
CALLER = PSEUDONYMS.of(NUMBER)

SAMPLES: tuple[events.Event, ...] = (
    events.CallStarted(NUMBER, "accueil", "accueil-1", generation=3, recogniser="whisper"),
    events.LanguageChosen("es", LanguageSource.VOICE),
    events.Said("welcome", "Paris je t'aime, hola.", "es", 0.125, 1.5, 1.5, False),
    events.Listened(120, 207, 150, 175, "120+9", "182+25"),
    events.Heard("¿cuánto cuesta?", "es", 0.875, "whisper", 2.0, 3.5, 0.4),
    events.KeyPressed("#"),
    events.NothingHeard(7.0),
    events.Understood("eiffel.price", 0.91, "eiffel.hours", 0.05, 12.5, "rasa"),
    events.Decided(Decision.EITHER, "eiffel.price", "eiffel.hours"),
    events.HandOff("desk", TransferStatus.NO_ANSWER),
    events.PersonWanted(PersonReason.ASKED),
    events.Queued("desk-es", 2, 45.0),
    events.Ringing("desk"),
    events.PersonAnswered("desk", 31.5),
    events.PersonLeft("desk", 62.0, Party.ADVISER),
    events.QueueLeft(QueueExit.TIMEOUT, 120.0),
    events.CallbackWanted("5f0c9a1b", "+33612345678", "en", 1795514400.0, 1795518000.0, "louvre.price"),
    events.MessageLeft("m1", "voicemail/m1.wav", "es", NUMBER, 12.5, MessageEnd.SENT),
    events.MessageTranscribed("m1", "me llamo Ana", 0.7),
    events.Fault(FaultPart.NLU, "Rasa does not answer"),
    events.CallFinished(CallOutcome.MESSAGE, Party.CALLER, 61.25),
    events.RecordingKept("recordings/c1.wav", 61.5),
    events.MouthToEar(1, 3.4, 0.84),
    events.RecordingMeasured(1, 0.065),
)
"""One of every kind but a refusal, in the order of a call."""
EVERY = (*SAMPLES, events.RecordingRefused())


def stamped(call_id: str = "c1", *happened: events.Event, first: int = BEGUN) -> list[Stamped]:
    """Events of one call, a second apart."""
    return [
        Stamped(call_id, first + index * SECOND, float(index), event)
        for index, event in enumerate(happened or SAMPLES)
    ]


def kept(told: list[Stamped]) -> list[Stamped]:
    """The same as the store keeps them: a pseudonym for every number."""

    def veiled(event: events.Event) -> events.Event:
        number = getattr(event, "number", "")
        return replace(event, number=PSEUDONYMS.of(number)) if number else event  # type: ignore[call-arg]

    return [replace(item, event=veiled(item.event)) for item in told]
