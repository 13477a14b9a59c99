"""Words as phonemes, by the espeak-ng inside Piper.

espeak-ng is one C library with global state: started a second time in a process, it has read freed phoneme
tables ("Invalid instruction ... for phoneme") and crashed.  So everybody shares Piper's own instance and lock.
"""

from __future__ import annotations

from piper import voice as piper
from piper.phonemize_espeak import EspeakPhonemizer


def phonemes(text: str, language: str) -> list[str]:
    """The IPA of each sentence; ``language`` is espeak's name, such as ``fr`` or ``en-us``."""
    with piper._ESPEAK_PHONEMIZER_LOCK:
        if piper._ESPEAK_PHONEMIZER is None:
            piper._ESPEAK_PHONEMIZER = EspeakPhonemizer()
        return ["".join(sentence) for sentence in piper._ESPEAK_PHONEMIZER.phonemize(language, text)]
