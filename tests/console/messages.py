"""Messages from callers, stored through the events of their calls."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ivr.core import events
from ivr.core.audio import PHONE_RATE, write_wav
from ivr.core.settings import Settings
from ivr.store.database import Store
from ivr.store.writer import write
from tests.store.calls import PSEUDONYMS

NUMBER = "+34912345678"


def leave(
    store: Store,
    id: str,
    text: str | None = "me llamo Ana",
    *,
    lang: str = "es",
    urgency: str = "",
    ago_s: float = 0.0,
) -> None:
    """Store a message that was left ``ago_s`` seconds ago; with ``text`` None it has no transcript yet."""
    call_id = f"call-{id}"
    begun = time.time_ns() - round(ago_s * 1e9)
    left = events.MessageLeft(id, f"voicemail/{id}.wav", lang, NUMBER, 2.0, "sent")
    story: list[events.Event] = [events.CallStarted(NUMBER, "accueil", "accueil-1"), left]
    if text is not None:
        story.append(events.MessageTranscribed(id, text, 0.8, urgency))
    write(
        store,
        [events.Stamped(call_id, begun + place, float(place), item) for place, item in enumerate(story)],
        PSEUDONYMS,
    )


def transcribe(store: Store, id: str, text: str, urgency: str = "", *, possible: bool = True) -> None:
    """Store the transcript of a message."""
    event = events.MessageTranscribed(id, text, 0.8, urgency, possible)
    write(store, [events.Stamped(f"call-{id}", time.time_ns(), 9.0, event)], PSEUDONYMS)


def record(settings: Settings, id: str, seconds: float = 2.0) -> Path:
    """Write the recording of a message to disk."""
    path = settings.state / f"voicemail/{id}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * PHONE_RATE)) / PHONE_RATE
    write_wav(path, bytes((8000 * np.sin(2 * np.pi * 440 * t)).astype("<i2").tobytes()), PHONE_RATE)
    return path
