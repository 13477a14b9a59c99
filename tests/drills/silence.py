"""Dead air: spans in which neither side is heard, and whose they are.  No input or output.

In a span that the service ends, the caller waited for the service.  A span that the caller ends is their own pause,
unless they acted because nothing came (``impatient``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.reporting.recording_analysis import SpeechSpan, speech


@dataclass(frozen=True)
class CallerAction:
    """What the caller did ``at`` seconds from the answer: spoke, pressed a key or hung up."""

    at: float
    impatient: bool = False


def dead_air(
    said: bytes, heard: bytes, actions: Sequence[CallerAction], until: float, shortest_s: float
) -> list[SpeechSpan]:
    """Find the spans in which the caller waited for the service.

    said, heard: the caller's and the service's leg, s16le mono 16 kHz.
    actions: what the caller did.
    until: end of the search, in seconds from the answer.
    shortest_s: shortest span in seconds.
    """
    service = [span for span in speech(heard) if span.start < until]
    caller = [span for span in speech(said) if span.start < until]
    acted = sorted(actions, key=lambda action: action.at)
    quiet, cursor, by_service = [], 0.0, False
    moments = sorted(
        [(span.start, span.end, True) for span in service]
        + [(span.start, span.end, False) for span in caller]
        + [(action.at, action.at, False) for action in acted if action.at < until]
        + [(until, until, False)]
    )
    for start, end, by_service in moments:
        if start - cursor >= shortest_s and (by_service or _impatient(acted, start)):
            quiet.append(SpeechSpan(round(cursor, 2), round(start, 2)))
        cursor = max(cursor, end)
    return quiet


def _impatient(actions: Sequence[CallerAction], moment: float) -> bool:
    """Whether the caller acted around ``moment`` because nothing came."""
    return any(action.impatient and abs(action.at - moment) < 1.0 for action in actions)
