"""Words as phonemes, by the espeak-ng inside Piper.

espeak-ng is one C library with global state: started a second time in a process, it has read freed phoneme
tables ("Invalid instruction ... for phoneme") and crashed.  So everybody shares Piper's own instance and lock.
"""

from __future__ import annotations

from typing import Final

from piper import voice as piper
from piper.phonemize_espeak import EspeakPhonemizer

_UNSOUNDED: Final = str.maketrans("", "", "ˈˌːˑ‿ .,?!-()0123456789")


class UnknownLanguage(ValueError):
    """espeak-ng has no voice of that name."""


def sounds(text: str, lang: str) -> str:
    """How a text sounds: its IPA without stress, length and word limits; ``lang`` is ours, such as ``fr``.

    Raises UnknownLanguage.
    """
    return "".join(phonemes(text, "en-us" if lang == "en" else lang)).translate(_UNSOUNDED)


def phonemes(text: str, language: str) -> list[str]:
    """The IPA of each sentence; ``language`` is espeak's name, such as ``fr`` or ``en-us``.

    Raises UnknownLanguage.
    """
    with piper._ESPEAK_PHONEMIZER_LOCK:
        if piper._ESPEAK_PHONEMIZER is None:
            piper._ESPEAK_PHONEMIZER = EspeakPhonemizer()
        try:
            return ["".join(sentence) for sentence in piper._ESPEAK_PHONEMIZER.phonemize(language, text)]
        except RuntimeError as error:  # "Failed to set voice"
            raise UnknownLanguage(f"espeak-ng knows no language {language!r}") from error
