"""``ivr say``: a sentence in the voice that callers hear."""

from __future__ import annotations

import sys
from pathlib import Path

from ivr.core.audio import write_wav
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.speech.prompts import open_prompts


def say(settings: Settings, text: str, lang: str, out: Path, *, slow: bool) -> None:
    """Speak ``text`` in ``lang`` into the WAV ``out``; raises UsageError for an unknown language."""
    if lang not in LANGUAGES:
        raise UsageError(f"--lang {lang}: write one of {', '.join(LANGUAGES)}")
    prompts = open_prompts(settings, [lang])
    write_wav(out, prompts.render(text, lang, slow))
    sys.stderr.write(f"{out} ({prompts.voice(lang).name})\n")
