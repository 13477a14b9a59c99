"""Selection of the recogniser for each language."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.core.audio import read_audio
from ivr.core.errors import RecogniserError, SetupError
from ivr.core.settings import Settings
from ivr.speech import stt
from ivr.speech.engines import choose
from ivr.speech.stt_vosk import Vosk
from tests.speech.engines import GOLDEN

pytestmark = pytest.mark.slow


@pytest.fixture
def only_korean(installed: Settings, tmp_path: Path) -> Settings:
    """An installation whose only Vosk model is the Korean one."""
    (tmp_path / "models").mkdir()
    for name in ("vosk-ko", "whisper-base"):
        (tmp_path / "models" / name).symlink_to(installed.models / name)
    return replace(installed, var=tmp_path)


def closed(engine: stt.Recogniser, runner: asyncio.Runner) -> tuple[str, frozenset[str]]:
    runner.run(engine.close())
    return engine.name, engine.languages


def test_auto_takes_vosk_where_it_has_a_model_and_else_whisper(
    only_korean: Settings, runner: asyncio.Runner
) -> None:
    assert closed(choose(only_korean, ["en"]), runner) == ("whisper", {"en"})
    assert closed(choose(only_korean, ["ko"]), runner)[0] == "vosk"
    both = choose(only_korean, ["en", "ko"])
    english, korean = both.utterance(["en"]), both.utterance(["ko"])
    english.feed(read_audio(GOLDEN / "en-eiffel.wav"))
    korean.feed(read_audio(GOLDEN / "ko-weather.flac"))
    assert [runner.run(utterance.decode()).engine for utterance in (english, korean)] == ["whisper", "vosk"]
    assert both.languages == {"en", "ko"}
    either = both.utterance(["en", "ko"])
    either.feed(read_audio(GOLDEN / "en-eiffel.wav"))
    transcript = runner.run(either.decode())
    assert (transcript.engine, transcript.lang) == ("whisper", "en")
    runner.run(both.close())


def test_a_chosen_engine_is_used_and_a_missing_model_is_named(
    only_korean: Settings, runner: asyncio.Runner
) -> None:
    assert closed(choose(only_korean, ["ko"], "whisper"), runner)[0] == "whisper"
    assert closed(choose(replace(only_korean, recogniser="vosk"), ["ko"]), runner)[0] == "vosk"
    with pytest.raises(SetupError, match="no Vosk model for en"):
        choose(only_korean, ["en", "ko"], "vosk")


def test_a_folder_without_a_vosk_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "vosk-xx").mkdir()
    with pytest.raises(RecogniserError, match="vosk-xx"):
        Vosk({"xx": tmp_path / "vosk-xx"})
