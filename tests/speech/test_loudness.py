"""Prompts have one loudness, are not clipped and begin without silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ivr.core.audio import RATE, add_noise, read_audio, seconds, silence, to_floats, to_pcm
from ivr.speech.loudness import PEAK_DBFS, loudness, normalise, trim, true_peak
from tests.speech.engines import GOLDEN

QUESTION = read_audio(GOLDEN / "en-eiffel.wav")


def onset(pcm: bytes) -> float:
    """Seconds before the first sample above -40 dBFS."""
    return float(np.argmax(np.abs(to_floats(pcm)) > 0.01)) / RATE


def test_the_meter_agrees_with_the_reference_tone_of_the_standard() -> None:
    # BS.1770-4: a 997 Hz sine at 0 dBFS in one channel measures -3.01 LKFS.
    time = np.arange(RATE * 3) / RATE
    tone = to_pcm(np.sin(2 * np.pi * 997 * time) * 0.5)
    assert loudness(tone) == pytest.approx(-3.01 - 6.02, abs=0.1)


@pytest.mark.parametrize("gain", [0.05, 0.3, 1.0, 3.0])
def test_speech_of_any_level_ends_at_the_same_loudness(gain: float) -> None:
    pcm = normalise(to_pcm(to_floats(QUESTION) * gain))
    assert loudness(pcm) == pytest.approx(-19.0, abs=0.5)
    assert true_peak(pcm) <= PEAK_DBFS


def test_a_word_shorter_than_the_meters_block_is_measured_too() -> None:
    word = trim(QUESTION)[: round(0.25 * RATE) * 2]
    assert loudness(normalise(word)) == pytest.approx(-19.0, abs=0.5)


def test_spiky_sound_is_limited_and_not_clipped() -> None:
    spikes = np.zeros(RATE * 2, dtype=np.float32)
    spikes[::1600] = 0.9
    spikes += 0.01 * np.random.default_rng(3).standard_normal(spikes.size).astype(np.float32)
    pcm = normalise(to_pcm(spikes))
    assert true_peak(pcm) <= PEAK_DBFS
    assert np.abs(to_floats(pcm)).max() < 10 ** (PEAK_DBFS / 20)


@pytest.mark.parametrize("pcm", [b"", silence(1.0)])
def test_silence_stays_silence(pcm: bytes) -> None:
    assert loudness(pcm) == -math.inf and true_peak(pcm) == -math.inf
    assert normalise(pcm) == pcm and trim(pcm) == pcm


def test_trimming_leaves_at_most_30_ms_before_and_a_short_pause_after() -> None:
    spoken = trim(QUESTION)
    cut = normalise(trim(silence(0.7) + spoken + silence(1.3)))
    assert onset(cut) <= 0.03
    assert seconds(cut) == pytest.approx(seconds(spoken), abs=0.03)


def test_trimming_keeps_the_first_and_the_last_sound() -> None:
    spoken = trim(QUESTION)
    loud = np.abs(to_floats(spoken)) > 0.02
    inside = np.abs(to_floats(QUESTION)) > 0.02
    assert loud.sum() == pytest.approx(inside.sum(), rel=0.01)


def test_trimming_is_not_fooled_by_a_hissing_voice() -> None:
    noisy = add_noise(silence(0.5) + QUESTION + silence(0.5), 60)
    assert seconds(trim(noisy)) < seconds(QUESTION) + 0.2
