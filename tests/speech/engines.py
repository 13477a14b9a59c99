"""Fixtures: the real recognisers, loaded once per session, and short recordings for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr.core.audio import read_audio
from ivr.core.settings import Settings, load
from ivr.speech.end_of_turn import with_endpointing
from ivr.speech.stt import Recogniser
from ivr.speech.stt_vosk import Vosk
from ivr.speech.whisper.plain import PlainWhisper
from ivr.speech.whisper.recogniser import Whisper

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def installed() -> Settings:
    """The installation in this checkout, with its models."""
    return load(root=ROOT)


@dataclass(frozen=True)
class RecogniserCase:
    """A recogniser, two recordings (slin16) in its language, and a word that it must recognise in each."""

    engine: Recogniser
    lang: str
    first: bytes
    first_word: str
    second: bytes
    second_word: str


@pytest.fixture(scope="session")
def whisper(installed: Settings, runner: asyncio.Runner) -> Iterator[Whisper]:
    engine = Whisper(installed.models / "whisper-base", ("fr", "en", "es", "de", "it"), ROOT)
    yield engine
    runner.run(engine.close())


@pytest.fixture(scope="session")
def plain(installed: Settings, runner: asyncio.Runner) -> Iterator[PlainWhisper]:
    engine = PlainWhisper(installed.models / "whisper-base", ("fr", "en", "es", "de", "it"))
    yield engine
    runner.run(engine.close())


@pytest.fixture(scope="session")
def vosk(installed: Settings, runner: asyncio.Runner) -> Iterator[Vosk]:
    engine = Vosk({"ko": installed.models / "vosk-ko"})
    yield engine
    runner.run(engine.close())


@pytest.fixture(scope="session")
def endpointing(installed: Settings, whisper: Whisper) -> Recogniser:
    return with_endpointing(installed, whisper)


@pytest.fixture
def whisper_case(endpointing: Recogniser) -> RecogniserCase:
    """The recogniser of calls."""
    return RecogniserCase(
        endpointing, "en", _golden("en-eiffel.wav"), "eiffel", _golden("en-museum.wav"), "museum"
    )


@pytest.fixture(params=["whisper", "endpointing", "plain", "vosk"])
def case(request: pytest.FixtureRequest) -> RecogniserCase:
    """Each recogniser, with speech in a language that it knows."""
    engine: Recogniser = request.getfixturevalue(request.param)
    if request.param != "vosk":
        return RecogniserCase(
            engine, "en", _golden("en-eiffel.wav"), "eiffel", _golden("en-museum.wav"), "museum"
        )
    return RecogniserCase(
        engine, "ko", _golden("ko-weather.flac"), "날씨", _golden("ko-museum.flac"), "있어요"
    )


def _golden(name: str) -> bytes:
    return read_audio(GOLDEN / name)
