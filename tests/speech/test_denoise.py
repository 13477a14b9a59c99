"""Noise suppression: the noise becomes quieter, the voice keeps its level, and the recogniser uses the result."""

from __future__ import annotations

import numpy as np

from ivr.core.audio import add_noise, read_audio, seconds, silence, through_g711, to_floats
from ivr.speech.denoise import without_noise
from ivr.speech.whisper.recogniser import Whisper
from tests.speech.engines import GOLDEN

NOISY = through_g711(add_noise(silence(1.0) + read_audio(GOLDEN / "en-eiffel.wav"), 15))


def level(pcm: bytes, start_s: float, end_s: float) -> float:
    """The level between two times (seconds), in dBFS."""
    part = to_floats(pcm)[int(start_s * 16_000) : int(end_s * 16_000)]
    return float(20 * np.log10(np.sqrt(np.mean(part**2)) + 1e-9))


def test_noise_is_suppressed_and_the_voice_stays() -> None:
    quiet = without_noise(NOISY)
    assert 0 <= seconds(NOISY) - seconds(quiet) < 0.01
    assert level(NOISY, 0.5, 0.9) - level(quiet, 0.5, 0.9) > 10
    assert abs(level(NOISY, 1.5, 3.0) - level(quiet, 1.5, 3.0)) < 2


def test_less_than_a_block_results_in_no_audio() -> None:
    assert without_noise(b"") == without_noise(bytes(318)) == b""


async def test_the_second_recognition_uses_the_audio_without_noise(whisper: Whisper) -> None:
    utterance = whisper.utterance(["en"])
    utterance.feed(NOISY)
    assert await utterance.again() == whisper.decode_now(without_noise(NOISY), ("en",))
    assert "Eiffel" in (await utterance.decode()).text
