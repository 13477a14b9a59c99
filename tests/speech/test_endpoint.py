"""Has he finished?  The true model on real recordings: whole questions, and the same ones broken off."""

from __future__ import annotations

import dataclasses
import statistics
from pathlib import Path

import pytest

from ivr.audio import over_the_phone, read_audio, seconds, silence
from ivr.call.ear import DOUBTFUL, FINISHED
from ivr.config import Settings
from ivr.speech.endpoint import MODEL, SHORTEST_S, Endpointing, SmartTurn, with_endpointing
from ivr.speech.loudness import trim
from ivr.speech.stt import Recogniser
from ivr.speech.stt_whisper import Whisper
from tests.speech.conftest import GOLDEN

PAUSE = silence(0.14)


@pytest.fixture(scope="module")
def model(installed: Settings) -> SmartTurn:
    return SmartTurn(installed.models / MODEL)


def spoken(file: str, share: float = 1.0) -> bytes:
    """That much of a recording without the silence around it, over the telephone, and a pause."""
    pcm = trim(read_audio(GOLDEN / file))
    return over_the_phone(pcm[: round(len(pcm) * share) // 2 * 2] + PAUSE)


@pytest.mark.parametrize("file", ["en-eiffel.wav", "en-museum.wav", "fr-louvre.wav"])
def test_a_whole_question_sounds_finished_and_a_broken_off_one_does_not(model: SmartTurn, file: str) -> None:
    parts = [model.finished(spoken(file, share)) for share in (0.4, 0.5, 0.6, 0.7, 0.8)]
    assert min(parts) < DOUBTFUL and statistics.median(parts) < 0.9 < model.finished(spoken(file))


def test_only_the_last_eight_seconds_count(model: SmartTurn) -> None:
    long = silence(20.0) + spoken("en-eiffel.wav")
    assert model.finished(long) == pytest.approx(model.finished(long[-8 * 32_000 :]), abs=1e-6)


async def test_the_transcript_tells_it_and_says_the_same_words(
    endpointing: Recogniser, whisper: Whisper
) -> None:
    found = []
    for engine in (endpointing, whisper):
        utterance = engine.utterance(["en"])
        utterance.feed(spoken("en-eiffel.wav"))
        found.append(await utterance.decode())
    assert found[0].finished is not None and found[0].finished >= FINISHED
    assert dataclasses.replace(found[0], finished=None) == found[1]


async def test_of_a_short_sound_nothing_is_said(endpointing: Recogniser) -> None:
    utterance = endpointing.utterance(["en"])
    utterance.feed(spoken("en-eiffel.wav")[: round(SHORTEST_S * 16_000) * 2 - 640])
    assert seconds(spoken("en-eiffel.wav")) > SHORTEST_S
    assert (await utterance.decode()).finished is None


def test_without_the_model_pauses_alone_end_a_turn(
    whisper: Whisper, installed: Settings, tmp_path: Path
) -> None:
    assert with_endpointing(dataclasses.replace(installed, var=tmp_path), whisper) is whisper
    assert isinstance(with_endpointing(installed, whisper), Endpointing)
