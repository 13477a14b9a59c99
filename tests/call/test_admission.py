"""Admission by places, and by how long calls in progress wait for the recogniser."""

from __future__ import annotations

from ivr.call.admission import FEW, RECENT, WINDOW_S, Admission
from ivr.core import events

LATE_S = 1.0


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def heard(decode_s: float) -> events.Heard:
    return events.Heard("how much", "en", 0.9, "whisper", 1.0, 2.0, decode_s)


def test_every_place_may_be_taken_and_no_more() -> None:
    admission = Admission(3, LATE_S)
    assert [admission.full(callers) for callers in range(5)] == [False, False, False, True, True]


def test_nobody_is_let_in_while_questions_wait_for_the_recogniser() -> None:
    admission = Admission(40, LATE_S, clock := Clock())
    for _ in range(RECENT):
        admission.notes(heard(LATE_S + 0.5))
    assert admission.full(5)
    for _ in range(RECENT // 2 + 1):  # it has caught up
        admission.notes(heard(0.4))
    assert not admission.full(5)
    for _ in range(RECENT):
        admission.notes(heard(LATE_S + 0.5))
    clock.now += WINDOW_S + 1  # nobody has said anything since: nothing is known of the load now
    assert not admission.full(5)


def test_who_comes_when_hardly_anybody_is_here_is_let_in_however_slow_it_is() -> None:
    admission = Admission(40, LATE_S, Clock())
    for _ in range(RECENT):
        admission.notes(heard(LATE_S + 3))
    assert [admission.full(callers) for callers in (0, FEW, FEW + 1)] == [False, False, True]


def test_one_slow_decode_closes_no_door() -> None:
    admission = Admission(40, LATE_S, Clock())
    for took in (0.3, 4.0, 0.4, 0.5):
        admission.notes(heard(took))
    admission.notes(events.KeyPressed("1"))
    assert not admission.full(5)
