"""Synthetic callers for tests, evaluations and the demonstration, in voices that the service itself does not use."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final

from ivr.core.audio import RATE, resample, write_wav
from ivr.core.errors import UsageError
from ivr.core.paths import callers
from ivr.core.settings import Settings, load

VOICES: Final = {
    "fr": ("ff_siwis",),
    "en": ("am_michael", "af_heart", "bf_emma", "bm_george"),
    "es": ("ef_dora", "em_alex"),
    "de": ("low", "ff_siwis", "if_sara"),  # Kokoro has no German voice: the last two have an accent
    "it": ("if_sara", "im_nicola"),
}
"""The voices of each language.  The first one is the default."""
SPEED: Final = {"fr": 0.9, "en": 1.0, "es": 0.85, "de": 0.95, "it": 0.85}
"""Kokoro's speed for each language: the one that Whisper base recognised best over the telephone.

Word error rates with the service's names as hot words: French 16 %, English 0 %, Spanish 11 %, German 20 %,
Italian 0 %."""
PITCH: Final = {"low": 0.86, "high": 1.08}
"""Pitch factors of Pico, which replaces Kokoro where its model is missing and must not sound like the service.

Word error rates of ``low`` without hot words: French 22 %, English 12 %, German 29 % (Kokoro's German: 39 %)."""
PICO_SPEED: Final = 0.85
"""Speed of Pico's speech, whatever its pitch (1: the engine's own)."""
VERSION: Final = "2"
"""Part of every file name: another value renders all callers again."""


def caller_wav(lang: str, text: str, voice: str | None = None, *, settings: Settings | None = None) -> Path:
    """Return the path of a 16 kHz mono WAV of a caller who says ``text``.

    The first request renders the file; later ones find it in ``var/callers``.

    lang: language code of the text.
    voice: a voice of Kokoro, such as ``am_michael``, or ``low`` or ``high`` for Pico at that pitch.  None: the first.
    settings: the installation.  None: the one of this process.
    Raises UsageError for a language without a voice, VoiceError where the voice is missing or fails.
    """
    settings = settings or load()
    voice = voice or _default_voice(settings, lang)
    key = hashlib.sha256("\0".join((VERSION, lang, voice, text)).encode()).hexdigest()[:16]
    path = callers(settings) / f"{lang}-{voice}-{key}.wav"
    if not path.exists():
        pcm = speak(lang, text, voice, settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        write_wav(temporary, pcm)
        temporary.replace(path)
    return path


def speak(lang: str, text: str, voice: str, settings: Settings) -> bytes:
    """Return ``text`` as slin16 without storing it.

    lang, voice and the exceptions are those of ``caller_wav``; settings: the installation with the models.
    """
    return _pico(lang, text, voice) if voice in PITCH else _kokoro(settings.models, lang, text, voice)


def _default_voice(settings: Settings, lang: str) -> str:
    if lang not in VOICES:
        raise UsageError(f"no caller speaks {lang!r}: one of {', '.join(VOICES)}")
    return VOICES[lang][0] if (settings.models / "kokoro").is_dir() else "low"


def _kokoro(models: Path, lang: str, text: str, voice: str) -> bytes:
    from ivr.speech.tts_kokoro import Kokoro  # takes seconds to import

    engine = Kokoro(models / "kokoro", voice, lang)
    return resample(engine.render(text, speed=SPEED[lang]), engine.sample_rate)


def _pico(lang: str, text: str, voice: str) -> bytes:
    """Render at another speed, then resample: this restores the speed and shifts the pitch."""
    from ivr.speech.tts_pico import Pico

    pitch = PITCH[voice]
    return resample(Pico(lang).render(text, speed=PICO_SPEED / pitch), round(RATE * pitch))


def main(arguments: list[str]) -> None:
    """Print the path of a caller's WAV: ``python -m ivr.speech.caller_voices LANG TEXT [VOICE]``."""
    lang, text, *voice = arguments
    sys.stdout.write(f"{caller_wav(lang, text, voice[0] if voice else None)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
