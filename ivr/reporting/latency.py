"""How long a call's answers took, from its recording: each thing heard beside what the recording shows.  Pure.

The recording is Asterisk's own: the time from the caller's last sound reaching Asterisk to our first sound leaving
it.  The way to the caller and back (network, his telephone's jitter buffer) comes on top; `ivr bench turns` measures
at the caller's end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ivr.core import events
from ivr.reporting.recording_analysis import AnalysedTurn, Analysis

NEAR_S = 0.6
"""So near to each other (seconds) are one moment in the call's log and in its recording."""
NO_GREETING = -1.0


def measured(story: Sequence[events.Stamped], analysis: Analysis) -> Iterator[events.Event]:
    """What is noted of a call: MouthToEar for each answer, then RecordingMeasured."""
    answers = list(answered(story, analysis))
    yield from answers
    greeting_s = NO_GREETING if analysis.greeting_s is None else round(analysis.greeting_s, 3)
    yield events.RecordingMeasured(len(answers), greeting_s)


def answered(story: Sequence[events.Stamped], analysis: Analysis) -> Iterator[events.MouthToEar]:
    """The answers of ours that the recording shows; messages and talks with advisers are not among them."""
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
    """When each measured answer began (seconds), and how long after the caller's last sound that was."""
    found = [item.event for item in story if isinstance(item.event, events.MouthToEar)]
    return [(event.caller_end_s + event.seconds, event.seconds) for event in found]
