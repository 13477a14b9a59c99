"""Dead air: stretches in which neither side is to be heard, and whose they are.  Pure.

A stretch that the service ends was the caller's waiting for it.  One that the caller ends (he speaks, presses a key,
hangs up) was his own pause, unless he acted because nothing came (``impatient``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.reporting.recording_analysis import SpeechSpan, speech


@dataclass(frozen=True)
class Act:
    """Something the caller did at a moment (seconds from the answer)."""

    at: float
    impatient: bool = False


def dead_air(
    said: bytes, heard: bytes, acts: Sequence[Act], until: float, shortest_s: float
) -> list[SpeechSpan]:
    """Stretches before ``until`` of at least ``shortest_s`` in which the caller waited for the service."""
    ours = [span for span in speech(heard) if span.start < until]
    his = [span for span in speech(said) if span.start < until]
    acted = sorted(acts, key=lambda act: act.at)
    quiet, cursor, by_service = [], 0.0, False
    moments = sorted(
        [(span.start, span.end, True) for span in ours]
        + [(span.start, span.end, False) for span in his]
        + [(act.at, act.at, False) for act in acted if act.at < until]
        + [(until, until, False)]
    )
    for start, end, by_service in moments:
        if start - cursor >= shortest_s and (by_service or _impatient(acted, start)):
            quiet.append(SpeechSpan(round(cursor, 2), round(start, 2)))
        cursor = max(cursor, end)
    return quiet


def _impatient(acts: Sequence[Act], moment: float) -> bool:
    """Whether what he did about then was done because nothing came."""
    return any(act.impatient and abs(act.at - moment) < 1.0 for act in acts)
