"""Text to speech: what every voice looks like, and which one a language gets."""

from __future__ import annotations

from typing import Protocol

from ivr.core.errors import VoiceError
from ivr.core.settings import Settings


class Voice(Protocol):
    """One voice.  Its model is loaded at the first sentence, so that naming it costs nothing."""

    name: str
    """Engine and model, for example ``pico:fr-FR``: shown to people, and part of the prompts' cache key."""
    lang: str
    sample_rate: int
    """Rate of what ``render`` returns, in Hz."""

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        """Speaks ``text`` as 16-bit mono at ``sample_rate``.  Blocks: call it in a thread."""


def engine_of(voice: Voice) -> str:
    """The engine part of a voice's name: ``piper`` or ``pico``."""
    return voice.name.partition(":")[0]


def choose(settings: Settings, lang: str) -> Voice:
    """The Piper voice whose model is in ``var/models/piper-<lang>_*``, else the embedded default.

    Embedded: English is Piper's en_US-joe-medium from PyPI; French, Spanish, German and Italian are Pico.
    """
    from ivr.speech.tts_pico import VOICES, Pico  # the engines take seconds to import
    from ivr.speech.tts_piper import Piper, embedded_english

    found = sorted(settings.models.glob(f"piper-{lang}_*/*.onnx"))
    if found:
        return Piper(found[0], lang)
    if lang == "en":
        return Piper(embedded_english(), lang)
    if lang in VOICES:
        return Pico(lang)
    raise VoiceError(f"no voice speaks {lang}: put a Piper model into {settings.models}/piper-{lang}_XX-NAME")
