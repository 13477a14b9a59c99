"""Attribution of silence to caller or service, on which the drills' counts rest."""

from __future__ import annotations

from ivr.core.audio import silence
from ivr.reporting.recording_analysis import SpeechSpan
from tests.drills.silence import CallerAction, dead_air
from tests.service.calls.sounds import hum


def leg(*parts: float) -> bytes:
    """Alternating silence and voice of these lengths in seconds, silence first."""
    return b"".join(hum(part) if at % 2 else silence(part) for at, part in enumerate(parts))


def spans(found: list[SpeechSpan]) -> list[tuple[float, float]]:
    return [(round(span.start, 1), round(span.end, 1)) for span in found]


def test_waiting_for_an_answer_counts_and_the_callers_own_pause_does_not() -> None:
    said, heard = (
        leg(3, 1, 8),
        leg(0, 1, 6, 2, 3),
    )  # the caller is silent from 1 to 3, the service from 4 to 7
    assert spans(dead_air(said, heard, [CallerAction(3.0)], 9.0, 1.5)) == [(4.0, 7.0)]


def test_a_caller_who_speaks_again_because_nothing_came_has_waited() -> None:
    said, heard = leg(1, 1, 5, 1, 2), leg(0, 1, 8, 1)
    assert spans(dead_air(said, heard, [CallerAction(1.0), CallerAction(7.0)], 10.0, 1.5)) == []
    assert spans(
        dead_air(said, heard, [CallerAction(1.0), CallerAction(7.0, impatient=True)], 10.0, 1.5)
    ) == [(2.0, 7.0)]


def test_silence_after_a_key_counts_and_nothing_after_the_end_counts() -> None:
    said, heard = leg(12), leg(0, 2, 3, 1, 6)
    assert spans(dead_air(said, heard, [CallerAction(2.5)], 6.0, 1.5)) == [(2.5, 5.0)]
