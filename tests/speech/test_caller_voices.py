"""Synthetic callers are understood, and without Kokoro they still do not use the service's voice."""

from __future__ import annotations

from pathlib import Path

import pytest
from faster_whisper import WhisperModel

from ivr.core.audio import read_audio, seconds, to_floats
from ivr.core.errors import UsageError, VoiceError
from ivr.core.settings import Settings, load
from ivr.core.text import normalise
from ivr.speech.caller_voices import PITCH, VOICES, caller_wav
from ivr.speech.tts_kokoro import Kokoro, phonemes
from ivr.speech.tts_pico import Pico

pytestmark = pytest.mark.slow

ASKED = {
    "fr": (
        "Combien coûte un billet pour monter au sommet de la tour Eiffel ?",
        {"billet", "monter", "sommet"},
    ),
    "en": ("How much is a ticket to the top of the Eiffel Tower?", {"ticket", "eiffel", "tower"}),
    "es": ("¿Cuánto cuesta la entrada a la Torre Eiffel?", {"cuanto", "cuesta", "entrada"}),
    "de": ("Ich möchte bitte mit jemandem sprechen.", {"bitte", "jemandem", "sprechen"}),
    "it": ("Quanto costa il biglietto per la Torre Eiffel?", {"quanto", "costa", "per"}),
}


@pytest.fixture(scope="module")
def installed() -> Settings:
    return load(root=Path(__file__).resolve().parents[2])


@pytest.fixture
def settings(installed: Settings, tmp_path: Path) -> Settings:
    """The models of the installation with an empty cache."""
    (tmp_path / "models").symlink_to(installed.models)
    return Settings(root=installed.root, var=tmp_path)


@pytest.fixture(scope="module")
def whisper(installed: Settings) -> WhisperModel:
    return WhisperModel(str(installed.models / "whisper-base"), compute_type="int8", cpu_threads=2)


def recognised(whisper: WhisperModel, path: Path, lang: str) -> set[str]:
    segments, _ = whisper.transcribe(to_floats(read_audio(path)), language=lang, beam_size=5, temperature=0)
    return set(normalise(" ".join(segment.text for segment in segments)).split())


@pytest.mark.parametrize("lang", ASKED)
def test_what_a_caller_says_is_understood(settings: Settings, whisper: WhisperModel, lang: str) -> None:
    text, words = ASKED[lang]
    path = caller_wav(lang, text, settings=settings)
    assert 1.5 < seconds(read_audio(path)) < 8
    assert words <= recognised(whisper, path, lang)


def test_a_sentence_is_spoken_once(settings: Settings) -> None:
    path = caller_wav("fr", "Bonjour.", "low", settings=settings)
    stamp = path.stat().st_mtime_ns
    assert caller_wav("fr", "Bonjour.", "low", settings=settings) == path
    assert path.stat().st_mtime_ns == stamp
    assert caller_wav("fr", "Bonjour.", "high", settings=settings) != path


def test_without_kokoro_a_caller_still_speaks_and_not_with_the_services_voice(
    tmp_path: Path, installed: Settings, whisper: WhisperModel
) -> None:
    bare = Settings(root=installed.root, var=tmp_path)
    text, words = ASKED["fr"]
    path = caller_wav("fr", text, settings=bare)
    assert any(path.name.startswith(f"fr-{pitch}-") for pitch in PITCH)
    assert words <= recognised(whisper, path, "fr")
    assert read_audio(path) != Pico("fr").render(text)


def test_every_listed_voice_is_installed(installed: Settings) -> None:
    for lang, voices in VOICES.items():
        for voice in set(voices) - set(PITCH):
            assert Kokoro(installed.models / "kokoro", voice, lang).name == f"kokoro:{voice}"


def test_an_unknown_language_or_voice_is_an_error(settings: Settings) -> None:
    with pytest.raises(UsageError, match="no caller speaks 'xx'"):
        caller_wav("xx", "hello", settings=settings)
    with pytest.raises(VoiceError, match="no Kokoro voice nobody"):
        caller_wav("fr", "bonjour", "nobody", settings=settings)


def test_phonemes_are_the_models_letters() -> None:
    assert phonemes("Thank you. Goodbye!", "en-us") == ["θˈæŋk juː.", "ɡʊdbˈI!"]
    (german,) = phonemes("Ich", "de")
    assert "ç" in german and "\u0327" not in german
