"""Measures how long a call's answers took, from its events and its recording.  Pure.

The recording is Asterisk's own.  It shows the time from the caller's last sound reaching Asterisk to the first
sound of the answer leaving it.  The network and the telephone's jitter buffer come on top; `ivr bench turns`
measures at the caller's end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ivr.core import events
from ivr.reporting.recording_analysis import AnalysedTurn, Analysis

NEAR_S = 0.6
"""Largest distance, in seconds, between a moment in the events and the same moment in the recording."""
NO_GREETING = -1.0
"""RecordingMeasured.greeting_s when the service said nothing."""


def measured(story: Sequence[events.Stamped], analysis: Analysis) -> Iterator[events.Event]:
    """The events that a measurement adds to a call: a MouthToEar for each answer, then a RecordingMeasured."""
    answers = list(answered(story, analysis))
    yield from answers
    greeting_s = NO_GREETING if analysis.greeting_s is None else round(analysis.greeting_s, 3)
    yield events.RecordingMeasured(len(answers), greeting_s)


def answered(story: Sequence[events.Stamped], analysis: Analysis) -> Iterator[events.MouthToEar]:
    """The service's answers that the recording shows, without messages and talks with advisers."""
    said = [item.event.start_s for item in story if isinstance(item.event, events.Said)]
    heard = [item.event.end_s for item in story if isinstance(item.event, events.Heard)]
    for number, end_s in enumerate(heard, 1):
        turn = min(analysis.turns, key=lambda turn: abs(turn.caller_end - end_s), default=None)
        if turn is not None and abs(turn.caller_end - end_s) < NEAR_S and _is_ours(turn, said):
            yield events.MouthToEar(number, turn.caller_end, turn.mouth_to_ear_s or 0.0)


def _is_ours(turn: AnalysedTurn, said: Sequence[float]) -> bool:
    start = turn.answer_start
    return start is not None and any(abs(start - start_s) < NEAR_S for start_s in said)


def waits(story: Sequence[events.Stamped]) -> list[tuple[float, float]]:
    """When each measured answer began (seconds from the answer of the call), and its mouth-to-ear time (seconds)."""
    found = [item.event for item in story if isinstance(item.event, events.MouthToEar)]
    return [(event.caller_end_s + event.seconds, event.seconds) for event in found]
