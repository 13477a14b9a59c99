"""Text to phonemes, with the espeak-ng that Piper contains (https://github.com/espeak-ng/espeak-ng).

espeak-ng is a C library with global state.  A second instance in one process has read freed phoneme tables
("Invalid instruction ... for phoneme") and crashed.  Therefore all code shares Piper's instance and its lock.
"""

from __future__ import annotations

from typing import Final

from piper import voice as piper
from piper.phonemize_espeak import EspeakPhonemizer

_SILENT_SIGNS: Final = str.maketrans("", "", "ˈˌːˑ‿ .,?!-()0123456789")


class UnknownLanguage(ValueError):
    """espeak-ng has no voice for the language."""


def sounds(text: str, lang: str) -> str:
    """Return the IPA of ``text`` without stress, length, spaces and punctuation.

    lang: our language code, such as ``fr``.  Raises UnknownLanguage.
    """
    return "".join(phonemes(text, "en-us" if lang == "en" else lang)).translate(_SILENT_SIGNS)


def phonemes(text: str, language: str) -> list[str]:
    """Return the IPA of each sentence of ``text``.

    language: espeak-ng's name of the voice, such as ``fr`` or ``en-us``.  Raises UnknownLanguage.
    """
    with piper._ESPEAK_PHONEMIZER_LOCK:
        if piper._ESPEAK_PHONEMIZER is None:
            piper._ESPEAK_PHONEMIZER = EspeakPhonemizer()
        try:
            return ["".join(sentence) for sentence in piper._ESPEAK_PHONEMIZER.phonemize(language, text)]
        except RuntimeError as error:  # "Failed to set voice"
            raise UnknownLanguage(f"espeak-ng knows no language {language!r}") from error
