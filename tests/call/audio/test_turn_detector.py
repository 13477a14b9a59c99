"""Turn detection, frame by frame: coughs, speech, pauses, and speech that continues."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.call.audio.turn_detector import FRAME_S, DetectedTurn, TurnDetector, TurnLimits, TurnState

VOICE, SILENCE = 0.9, 0.05


def run(detector: TurnDetector, *stretches: tuple[float, float]) -> list[tuple[DetectedTurn, float]]:
    """Feed stretches of (probability, seconds) to the detector; return what it detected, and when in seconds."""
    said: list[tuple[DetectedTurn, float]] = []
    for probability, seconds in stretches:
        for _ in range(round(seconds / FRAME_S)):
            turn = detector.step(probability)
            if turn is not None:
                said.append((turn, round(detector.frame * FRAME_S, 2)))
    return said


def kinds(said: list[tuple[DetectedTurn, float]]) -> list[DetectedTurn]:
    return [turn for turn, _ in said]


def test_silence_says_nothing() -> None:
    assert run(TurnDetector(), (SILENCE, 60)) == []


def test_a_first_sound_is_told_within_two_frames() -> None:
    assert run(TurnDetector(), (SILENCE, 1.0), (VOICE, 0.1)) == [(DetectedTurn.ONSET, 1.04)]


def test_one_frame_of_noise_is_no_sound() -> None:
    assert run(TurnDetector(), *[(SILENCE, 0.2), (VOICE, FRAME_S)] * 20) == []


def test_a_cough_ends_three_tenths_of_a_second_after_it() -> None:
    said = run(TurnDetector(), (SILENCE, 1.0), (VOICE, 0.2), (SILENCE, 1.0))
    assert said == [(DetectedTurn.ONSET, 1.04), (DetectedTurn.COUGH, 1.5)]


def test_mm_hm_just_under_the_limit_is_no_speech() -> None:
    assert kinds(run(TurnDetector(), (VOICE, 0.28), (SILENCE, 1.0))) == [
        DetectedTurn.ONSET,
        DetectedTurn.COUGH,
    ]


def test_three_tenths_of_a_second_of_voice_are_speech() -> None:
    said = run(TurnDetector(), (SILENCE, 1.0), (VOICE, 1.0))
    assert said == [(DetectedTurn.ONSET, 1.04), (DetectedTurn.SPEECH, 1.3)]


@pytest.mark.parametrize("gap_s", [0.02, 0.08])
def test_voice_with_short_gaps_adds_up_to_speech(gap_s: float) -> None:
    """Syllables: of closed lips the VAD lets through what is longer than 0.1 s."""
    said = kinds(run(TurnDetector(), *[(VOICE, 0.14), (SILENCE, gap_s)] * 3))
    assert said == [DetectedTurn.ONSET, DetectedTurn.SPEECH, DetectedTurn.PAUSE]


def test_a_pause_is_told_soon() -> None:
    detector = TurnDetector()
    said = run(detector, (VOICE, 1.0), (SILENCE, 0.5))
    assert said[-1] == (DetectedTurn.PAUSE, round(1.0 + TurnLimits().pause_s, 2))
    assert (detector.state, round(detector.silence_s, 2), round(detector.speech_s, 2)) == (
        TurnState.TRAILING, 0.5, 1.0,
    )  # fmt: skip


def test_a_caller_who_goes_on_resumes() -> None:
    said = run(TurnDetector(), (VOICE, 1.0), (SILENCE, 0.6), (VOICE, 0.5), (SILENCE, 0.5))
    assert kinds(said) == [
        DetectedTurn.ONSET,
        DetectedTurn.SPEECH,
        DetectedTurn.PAUSE,
        DetectedTurn.RESUMED,
        DetectedTurn.PAUSE,
    ]
    assert said[3] == (DetectedTurn.RESUMED, 1.64)


def test_a_click_in_the_silence_after_speech_is_no_resumption() -> None:
    said = run(TurnDetector(), (VOICE, 1.0), (SILENCE, 0.4), (VOICE, FRAME_S), (SILENCE, 0.4))
    assert kinds(said) == [DetectedTurn.ONSET, DetectedTurn.SPEECH, DetectedTurn.PAUSE]


def test_speech_is_held_at_a_lower_level_than_it_begins() -> None:
    """Between the two thresholds: no onset, but no pause either."""
    assert run(TurnDetector(), (0.45, 2.0)) == []
    assert kinds(run(TurnDetector(), (VOICE, 0.5), (0.45, 2.0))) == [DetectedTurn.ONSET, DetectedTurn.SPEECH]


def test_reset_waits_for_the_next_turn() -> None:
    detector = TurnDetector()
    run(detector, (VOICE, 1.0), (SILENCE, 0.7))
    detector.reset()
    assert detector.state is TurnState.QUIET
    assert run(detector, (SILENCE, 3.0)) == []
    assert kinds(run(detector, (VOICE, 0.5))) == [DetectedTurn.ONSET, DetectedTurn.SPEECH]


def test_the_beginning_of_the_turn_is_where_the_voice_began() -> None:
    detector = TurnDetector()
    run(detector, (SILENCE, 2.0), (VOICE, 1.0), (SILENCE, 0.3))
    assert abs(detector.start * FRAME_S - 2.0) <= 2 * FRAME_S
    assert round(detector.last_voice * FRAME_S, 2) == 3.0


stretches = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.7, 1.0]), st.integers(1, 40)), max_size=40
)
FOLLOWERS = {
    None: {DetectedTurn.ONSET},
    DetectedTurn.ONSET: {DetectedTurn.COUGH, DetectedTurn.SPEECH},
    DetectedTurn.COUGH: {DetectedTurn.ONSET},
    DetectedTurn.SPEECH: {DetectedTurn.PAUSE},
    DetectedTurn.PAUSE: {DetectedTurn.RESUMED},
    DetectedTurn.RESUMED: {DetectedTurn.PAUSE},
}


@given(stretches)
def test_turns_follow_each_other_in_a_fixed_order(sound: list[tuple[float, int]]) -> None:
    """So there are never two onsets without a cough or speech between them."""
    before: DetectedTurn | None = None
    for turn in kinds(run(TurnDetector(), *((level, count * FRAME_S) for level, count in sound))):
        assert turn in FOLLOWERS[before]
        before = turn


@given(st.lists(st.floats(0, 1), max_size=400), st.sets(st.integers(0, 400)))
def test_counters_only_rise(levels: list[float], resets: set[int]) -> None:
    detector = TurnDetector()
    for index, level in enumerate(levels):
        before = (detector.frame, detector.last_voice)
        detector.step(level)
        assert detector.frame == before[0] + 1
        assert before[1] <= detector.last_voice <= detector.frame
        assert 0 <= detector.start <= detector.frame
        assert detector.silence_s >= 0 and detector.speech_s >= -FRAME_S
        if index in resets:
            detector.reset()
