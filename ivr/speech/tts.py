"""Text to speech: the interface of every voice, and the selection of the voice for a language."""

from __future__ import annotations

from typing import Protocol

from ivr.core.errors import VoiceError
from ivr.core.settings import Settings


class Voice(Protocol):
    """One voice.  It loads its model at the first ``render``, so that creating it is cheap."""

    name: str
    """Engine and model, for example ``pico:fr-FR``.  Operators see it, and the key of every prompt contains it."""
    lang: str
    """Language code of what it speaks."""
    sample_rate: int
    """Sample rate of ``render``, in Hz."""

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        """Return the speech for ``text`` as 16-bit mono at ``sample_rate``.  Blocks: call it in a thread.

        text: one or more sentences, or the engine's markup.
        speed: 1 is the voice's own speed; smaller is slower.
        Raises VoiceError where the engine fails or gives no sound.
        """


def engine_of(voice: Voice) -> str:
    """Return the engine part of the name of ``voice``: ``piper`` or ``pico``."""
    return voice.name.partition(":")[0]


def choose(settings: Settings, lang: str) -> Voice:
    """Return the voice for the language code ``lang``.

    It is the Piper voice in ``var/models/piper-<lang>_*``, or else the embedded one: Piper's en_US-joe-medium (from
    PyPI) for English, Pico for French, Spanish, German and Italian.

    settings: the installation with the models.  Raises VoiceError where no voice speaks the language.
    """
    from ivr.speech.tts_pico import VOICES, Pico  # the engines take seconds to import
    from ivr.speech.tts_piper import Piper, embedded_english

    installed = sorted(settings.models.glob(f"piper-{lang}_*/*.onnx"))
    if installed:
        return Piper(installed[0], lang)
    if lang == "en":
        return Piper(embedded_english(), lang)
    if lang in VOICES:
        return Pico(lang)
    raise VoiceError(f"no voice speaks {lang}: put a Piper model into {settings.models}/piper-{lang}_XX-NAME")
