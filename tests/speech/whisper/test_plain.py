"""Plain faster-whisper: used by a setting, and for a model whose file our decoder cannot read."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.core.audio import read_audio, silence
from ivr.core.errors import ConfigError, RecogniserError
from ivr.core.settings import Settings, load
from ivr.speech.engines import choose
from ivr.speech.whisper.plain import PlainWhisper
from ivr.speech.whisper.recogniser import Whisper
from tests.speech.engines import GOLDEN, ROOT

pytestmark = pytest.mark.slow

MATRIX, STORED_AS = "decoder/layer_0/ffn/linear_0/weight", "decoder/layer_0/ffn/linear_0/shared"


def name(text: str) -> bytes:
    """A name as a model's file spells it."""
    content = text.encode() + b"\0"
    return struct.pack("<H", len(content)) + content


def with_alias(whole: bytes) -> bytes:
    """The same model in another shape: one matrix has another name in the file, and its usual name is an alias.

    CTranslate2 reads it; our decoder looks for the matrix by its usual name.
    """
    last = whole.rindex(name("decoder/projection/weight"))
    (aliases,) = struct.unpack_from("<I", whole, last - 4)
    renamed = whole[: last - 4].replace(name(MATRIX), name(STORED_AS))
    assert aliases == 1 and renamed != whole[: last - 4]
    return renamed + struct.pack("<I", 2) + whole[last:] + name(MATRIX) + name(STORED_AS)


@pytest.fixture(scope="module")
def other_shape(installed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An installation whose Whisper model has an unknown shape."""
    var = tmp_path_factory.mktemp("var")
    model = var / "models/whisper-base"
    model.mkdir(parents=True)
    for file in (installed.models / "whisper-base").iterdir():
        if file.name == "model.bin":
            (model / file.name).write_bytes(with_alias(file.read_bytes()))
        else:
            (model / file.name).symlink_to(file)
    yield replace(installed, var=var)
    (model / "model.bin").unlink()


def test_a_model_of_another_shape_falls_back_with_one_warning(
    other_shape: Settings, runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        engine = choose(other_shape, ["en", "fr"])
    assert isinstance(engine, PlainWhisper)
    (warning,) = caplog.messages
    assert "unknown shape" in warning and "faster-whisper" in warning
    utterance = engine.utterance(["fr", "en"])
    utterance.feed(read_audio(GOLDEN / "en-eiffel.wav"))
    heard = runner.run(utterance.decode())
    assert "eiffel" in heard.text.casefold() and heard.lang == "en" and heard.engine == "faster-whisper"
    runner.run(engine.close())


def test_the_setting_chooses(installed: Settings, runner: asyncio.Runner) -> None:
    engine = choose(replace(installed, whisper_decoder="faster-whisper"), ["en"])
    assert isinstance(engine, PlainWhisper)
    runner.run(engine.close())
    with pytest.raises(ConfigError, match="IVR_WHISPER_DECODER=fast: write own or faster-whisper"):
        load({"IVR_WHISPER_DECODER": "fast"}, root=ROOT)


def test_no_model_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecogniserError, match="ivr models pull"):
        PlainWhisper(tmp_path, ["en"])


def test_both_decoders_are_as_sure_of_the_same_words(
    whisper: Whisper, plain: PlainWhisper, runner: asyncio.Runner
) -> None:
    """The gate's thresholds hold for both."""
    found = []
    for engine in (whisper, plain):
        utterance = engine.utterance(["en"])
        utterance.feed(read_audio(GOLDEN / "en-eiffel.wav"))
        found.append(runner.run(utterance.decode()))
    own, other = found
    assert own.text.casefold().strip(".?!") == other.text.casefold().strip(".?!")
    assert own.confidence == pytest.approx(other.confidence, abs=0.15)


def test_silence_is_nothing(plain: PlainWhisper, runner: asyncio.Runner) -> None:
    utterance = plain.utterance(["en"])
    utterance.feed(silence(2.0))
    assert runner.run(utterance.decode()).text == ""
