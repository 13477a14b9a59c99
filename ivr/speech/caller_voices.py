"""What callers say in tests and in the demonstration, spoken by voices that are not the service's own."""

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
    "de": ("low", "ff_siwis", "if_sara"),  # Kokoro has no German voice: these two speak it as foreigners do
    "it": ("if_sara", "im_nicola"),
}
"""Voices for each language; the first is the usual one."""
SPEED: Final = {"fr": 0.9, "en": 1.0, "es": 0.85, "de": 0.95, "it": 0.85}
"""Pace at which Whisper base, given the service's names, understood Kokoro best over the phone: word errors
16 % (French), 0 (English), 11 (Spanish), 20 (German), 0 (Italian)."""
PITCH: Final = {"low": 0.86, "high": 1.08}
"""Where Kokoro is missing: Pico at another pitch, so that it is not the service's voice.  Word errors without
names given, low: French 22 %, English 12, German 29 (Kokoro's German: 39)."""
PICO_SPEED: Final = 0.85
VERSION: Final = "2"
"""Another number makes all callers speak anew."""


def caller_wav(lang: str, text: str, voice: str | None = None, *, settings: Settings | None = None) -> Path:
    """A 16 kHz mono WAV of ``text``; rendered once, then from ``var/callers``.

    ``voice`` is one of Kokoro's (``am_michael``) or ``low`` / ``high`` (Pico at that pitch).
    """
    settings = settings or load()
    voice = voice or _usual(settings, lang)
    key = hashlib.sha256("\0".join((VERSION, lang, voice, text)).encode()).hexdigest()[:16]
    path = callers(settings) / f"{lang}-{voice}-{key}.wav"
    if not path.exists():
        pcm = speak(lang, text, voice, settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        write_wav(draft, pcm)
        draft.replace(path)
    return path


def speak(lang: str, text: str, voice: str, settings: Settings) -> bytes:
    """``text`` as slin16, not kept; ``voice`` as for ``caller_wav``."""
    return _pico(lang, text, voice) if voice in PITCH else _kokoro(settings.models, lang, text, voice)


def _usual(settings: Settings, lang: str) -> str:
    if lang not in VOICES:
        raise UsageError(f"no caller speaks {lang!r}: one of {', '.join(VOICES)}")
    return VOICES[lang][0] if (settings.models / "kokoro").is_dir() else "low"


def _kokoro(models: Path, lang: str, text: str, voice: str) -> bytes:
    from ivr.speech.tts_kokoro import Kokoro  # takes seconds to import

    spoken = Kokoro(models / "kokoro", voice, lang)
    return resample(spoken.render(text, speed=SPEED[lang]), spoken.sample_rate)


def _pico(lang: str, text: str, voice: str) -> bytes:
    """Spoken at another pace, then played at a rate that brings the pace back and moves the pitch."""
    from ivr.speech.tts_pico import Pico

    pitch = PITCH[voice]
    return resample(Pico(lang).render(text, speed=PICO_SPEED / pitch), round(RATE * pitch))


def main(arguments: list[str]) -> None:
    """``python -m ivr.speech.caller_voices LANG TEXT [VOICE]``: writes the path of the WAV."""
    lang, text, *voice = arguments
    sys.stdout.write(f"{caller_wav(lang, text, voice[0] if voice else None)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
