"""Whisper finds the same text without the middle of its window as with the whole window."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel
from rapidfuzz.distance import Levenshtein

from ivr.core.audio import read_audio, seconds, silence, to_floats
from ivr.core.errors import RecogniserError
from ivr.core.text import LANGUAGES, normalise
from ivr.speech.whisper.modelfile import with_rows
from ivr.speech.whisper.recogniser import Whisper, confidence
from ivr.speech.whisper.window import CUT, POSITIONS, EncoderWindow
from tests.speech.engines import GOLDEN, ROOT
from tests.speech.whisper.tokens import MODEL

pytestmark = pytest.mark.slow


def test_it_hears_what_faster_whisper_hears(whisper: Whisper) -> None:
    whole = WhisperModel(str(MODEL), device="cpu", compute_type="int8", cpu_threads=1)
    for file in sorted(GOLDEN.glob("*.wav")):
        pcm, lang = read_audio(file), file.name[:2]
        ours = whisper.decode_now(pcm, (lang,))
        segments = list(whole.transcribe(to_floats(pcm), lang, without_timestamps=True)[0])
        theirs = " ".join(segment.text for segment in segments)
        # where both are unsure, processors differ, too ("le miser du l'ouvre" for "le musée du Louvre")
        wrong = Levenshtein.normalized_distance(normalise(ours.text), normalise(theirs))
        assert wrong <= (0.12 if ours.confidence < 0.6 else 0.0)
        near = 0.3 if wrong else 0.1
        assert ours.confidence == pytest.approx(confidence(segments[0].avg_logprob), abs=near)
        assert whisper.decode_now(pcm, LANGUAGES).lang == whole.detect_language(to_floats(pcm))[0] == lang


def test_28_seconds_are_heard_to_their_end(whisper: Whisper) -> None:
    """A message may be read in pieces of this length."""
    first, last = read_audio(GOLDEN / "en-museum.wav"), read_audio(GOLDEN / "en-eiffel.wav")
    pcm = first + silence(1.0) + last
    pcm = first + silence(28.0 - seconds(pcm)) + last
    assert "Eiffel Tower" in whisper.decode_now(pcm, ("en",)).text


WHOLE = EncoderWindow(after_s=4.5)


def extract(samples: np.ndarray) -> np.ndarray:
    """Features that show their place: the loudness of each 10 ms, which rises in the test's audio."""
    frames = samples[: samples.size // 160 * 160].reshape(-1, 160)
    return np.tile(np.abs(frames).max(axis=1), (80, 1))


@pytest.mark.parametrize(
    ("window", "spoken_s", "frames"),
    [(CUT, 1.0, 150 + 450), (CUT, 4.0, 150 + 480), (CUT, 4.01, 150 + 490), (CUT, 30.0, 3000),
     (WHOLE, 2.0, 650), (WHOLE, 30.0, 3000)],
)  # fmt: skip
def test_silence_and_the_utterance(window: EncoderWindow, spoken_s: float, frames: int) -> None:
    begins, spoken = round(window.end_s * 100), round(spoken_s * 100)
    pcm = np.linspace(1, 20_000, round(spoken_s * 16_000)).astype("<i2").tobytes()
    found = window.features(extract, pcm)
    assert found.shape == (80, frames)
    kept = min(spoken, frames - begins)
    assert not found[0, begins + kept :].any() and (np.diff(found[0, begins : begins + kept]) > 0).all()
    assert (found[:, :begins] == found.min()).all()


def test_each_place_keeps_its_row() -> None:
    assert CUT.order()[:75] == list(range(1425, 1500)) and CUT.order()[75:] == list(range(1425))
    assert WHOLE.order() == list(range(1500))


def test_a_model_of_another_form_is_named(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "vocabulary.txt", "config.json"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(struct.pack("<I", 7) + bytes(100))
    with pytest.raises(RecogniserError, match=r"version 7, not 6.*ivr models pull"):
        Whisper(tmp_path, LANGUAGES, ROOT)


def test_a_matrix_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=f"no {POSITIONS}x"):
        with_rows((MODEL / "model.bin").read_bytes(), {f"{POSITIONS}x": [0]})
