"""How long answers took: what was heard beside what the recording shows."""

from __future__ import annotations

import pytest

from ivr.core import events
from ivr.reporting.latency import answered, measured, waits
from ivr.reporting.recording_analysis import AnalysedTurn, Analysis, SpeechSpan, turns
from tests.store.calls import stamped


def heard(end_s: float) -> events.Heard:
    return events.Heard("quoi", "fr", 0.9, "whisper", end_s - 1.0, end_s, 0.4)


def said(start_s: float) -> events.Said:
    return events.Said("eiffel.price", "Vingt euros.", "fr", start_s, 2.0, 2.0, False)


def recording(caller: list[tuple[float, float]], service: list[tuple[float, float]]) -> Analysis:
    spoke, answers = [SpeechSpan(*span) for span in caller], [SpeechSpan(*span) for span in service]
    return Analysis(
        tuple(spoke), tuple(answers), turns(spoke, answers), answers[0].start if answers else None
    )


CALL = recording([(5.0, 7.5), (26.0, 28.9)], [(0.07, 4.0), (8.4, 25.0), (30.1, 44.0)])


def test_each_answer_is_counted_from_his_last_sound() -> None:
    story = stamped("c1", said(0.0), heard(7.66), said(8.38), said(24.0), heard(29.04), said(30.16))
    assert list(answered(story, CALL)) == [events.MouthToEar(1, 7.5, 0.9), events.MouthToEar(2, 28.9, 1.2)]


def test_what_our_log_does_not_know_is_no_answer() -> None:
    """An adviser's first words, a ringing tone, a voice behind the caller."""
    assert [event.turn for event in answered(stamped("c1", heard(7.6), said(8.4), heard(29.0)), CALL)] == [1]
    assert list(answered(stamped("c1", said(8.4), said(30.1)), CALL)) == []


def test_a_question_that_the_recording_does_not_show_keeps_the_others_numbers() -> None:
    story = stamped("c1", heard(18.0), said(18.9), heard(29.0), said(30.1))
    assert [event.turn for event in answered(story, CALL)] == [2]


def test_a_last_question_without_an_answer() -> None:
    assert list(answered(stamped("c1", heard(7.5)), recording([(5.0, 7.5)], [(0.1, 4.0)]))) == []


def test_the_whole_of_it_ends_with_a_mark() -> None:
    *_, mark = measured(stamped("c1", heard(7.6), said(8.4)), CALL)
    assert mark == events.RecordingMeasured(1, 0.07)
    assert list(measured([], recording([], []))) == [events.RecordingMeasured(0, -1.0)]


def test_they_stand_where_the_answers_began() -> None:
    [(start, wait)] = waits(stamped("c1", heard(7.6), events.MouthToEar(1, 7.5, 0.9)))
    assert start == pytest.approx(8.4) and wait == 0.9
    assert AnalysedTurn(7.5, 8.4).mouth_to_ear_s == wait
