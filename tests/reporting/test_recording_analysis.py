"""Measuring a recorded call, on audio made so that the right answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.core.audio import PHONE_RATE, RATE, alaw_decode, alaw_encode, resample, silence, to_floats, to_pcm
from ivr.reporting.recording_analysis import (
    HOP_S,
    AnalysedTurn,
    SpeechSpan,
    analyse,
    barge_ins,
    speech,
    turns,
)
from tests.service.calls.sounds import silent_gaps

NEAR = HOP_S + 0.001


def voice(seconds: float, level: float = 0.3, seed: int = 1) -> bytes:
    """Something like speech: a buzz whose loudness goes up and down five times a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * t + seed * k) / k for k in range(1, 12))
    return to_pcm((level * buzz * (0.55 + 0.45 * np.sin(2 * np.pi * 5 * t))).astype(np.float32))


def noise(seconds: float, level: float) -> bytes:
    return to_pcm(np.random.default_rng(7).normal(0, level, round(seconds * RATE)).astype(np.float32))


def mix(a: bytes, b: bytes) -> bytes:
    return to_pcm(to_floats(a) + to_floats(b))


def at(*parts: tuple[float, bytes], length: float = 10.0) -> bytes:
    leg = bytearray(silence(length))
    for start, pcm in parts:
        place = round(start * RATE) * 2
        leg[place : place + len(pcm)] = pcm
    return bytes(leg)


def near(spans: tuple[SpeechSpan, ...], expected: list[tuple[float, float]]) -> bool:
    return len(spans) == len(expected) and all(
        abs(span.start - start) <= NEAR and abs(span.end - end) <= NEAR
        for span, (start, end) in zip(spans, expected, strict=True)
    )


def test_a_whole_call() -> None:
    caller = at((2.0, voice(1.5)), (6.5, voice(0.8)))
    service = at((0.2, voice(1.5, seed=2)), (4.1, voice(2.0, seed=2)), (8.0, voice(1.0, seed=2)))
    found = analyse(caller, service)
    assert found.greeting_s == pytest.approx(0.2, abs=NEAR)
    assert near(found.caller, [(2.0, 3.5), (6.5, 7.3)])
    assert near(found.service, [(0.2, 1.7), (4.1, 6.1), (8.0, 9.0)])
    assert [turn.mouth_to_ear_s for turn in found.turns] == [
        pytest.approx(0.6, abs=0.011),
        pytest.approx(0.7, abs=0.011),
    ]
    assert [name for name, _ in found.events()] == [
        *("service_speech_start", "service_speech_end", "caller_speech_start", "caller_speech_end"),
        *("service_speech_start", "service_speech_end", "caller_speech_start", "caller_speech_end"),
        *("service_speech_start", "service_speech_end"),
    ]


def test_silence_is_a_call_without_events() -> None:
    found = analyse(silence(3), silence(3))
    assert found.events() == [] and found.turns == () and found.greeting_s is None
    assert analyse(b"", b"").events() == []


def test_a_question_with_a_pause_is_one_turn() -> None:
    caller = at((1.0, voice(0.7)), (2.3, voice(0.7)))
    found = analyse(caller, at((4.0, voice(1.0))))
    assert len(found.caller) == 2
    (turn,) = found.turns
    assert turn.caller_end == pytest.approx(3.0, abs=NEAR)
    assert turn.answer_start == pytest.approx(4.0, abs=NEAR)


def test_short_pauses_do_not_split_an_utterance() -> None:
    assert near(speech(at((1.0, voice(0.5)), (1.75, voice(0.5)))), [(1.0, 2.25)])


def test_barge_in_is_answered_by_the_next_start_of_the_service() -> None:
    caller = at((1.0, voice(1.0)))
    service = at((0.1, voice(1.1)), (2.5, voice(1.0)))  # talks on for 200 ms, then answers
    (turn,) = analyse(caller, service).turns
    assert turn.mouth_to_ear_s == pytest.approx(0.5, abs=0.011)


def test_barge_in_is_timed_from_his_first_sound_to_our_last() -> None:
    service = at((0.1, voice(1.1)), (2.5, voice(1.0)), (4.0, voice(0.5)))
    caller = at((1.0, voice(1.0)), (3.0, voice(0.7)), (5.0, voice(0.3)))
    assert barge_ins(analyse(caller, service)) == pytest.approx([0.2, 0.5], abs=NEAR)


def test_the_last_question_may_stay_unanswered() -> None:
    (turn,) = analyse(at((1.0, voice(1.0))), silence(10)).turns
    assert turn.answer_start is None and turn.mouth_to_ear_s is None


def test_clicks_are_no_speech() -> None:
    assert speech(at((1.0, voice(0.02)))) == ()


@pytest.mark.parametrize("noise_level", [0.0003, 0.003])
def test_background_noise_of_the_callers_line(noise_level: float) -> None:
    said = mix(at((2.0, voice(1.5))), noise(10, noise_level))
    (span,) = speech(said)
    assert span.start == pytest.approx(2.0, abs=0.02) and span.end == pytest.approx(3.5, abs=0.06)


def test_quiet_speech_is_found() -> None:
    assert near(speech(at((1.0, voice(1.0, level=0.02)))), [(1.0, 2.0)])


def test_through_the_telephone_and_at_its_own_rate() -> None:
    narrow = resample(at((1.0, voice(1.0))), RATE, PHONE_RATE)
    (span,) = speech(alaw_decode(alaw_encode(narrow)), PHONE_RATE)
    assert span.start == pytest.approx(1.0, abs=0.02) and span.end == pytest.approx(2.0, abs=0.02)


def test_turns_without_service_starts_in_between_are_one() -> None:
    said = [SpeechSpan(1, 2), SpeechSpan(3, 4), SpeechSpan(6, 7)]
    assert turns(said, [SpeechSpan(4.5, 5.5)]) == (AnalysedTurn(4, 4.5), AnalysedTurn(7, None))


def test_dropouts_inside_an_utterance_are_found() -> None:
    heard = bytearray(at((1.0, voice(2.0))))
    heard[round(2.0 * RATE) * 2 : round(2.06 * RATE) * 2] = silence(0.06)
    (gap,) = silent_gaps(bytes(heard), speech(bytes(heard)))
    assert gap.start == pytest.approx(2.0, abs=NEAR) and gap.end == pytest.approx(2.06, abs=NEAR)
