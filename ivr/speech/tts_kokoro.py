"""Kokoro-82M (Apache-2.0): one small model, many voices; a style vector makes each.  24 kHz.

The model wants IPA of espeak-ng's kind with diphthongs and affricates as single letters, as its makers' own
text front end (misaki, ``EspeakG2P``) writes them.
"""

from __future__ import annotations

import json
import threading
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ivr.core.audio import silence, to_pcm
from ivr.core.errors import VoiceError
from ivr.speech import phonemes as ipa

RATE: Final = 24_000
MODEL: Final = "kokoro-v1.0.int8.onnx"
SENTENCE_PAUSE_S: Final = 0.28
LONGEST: Final = 508
"""Phonemes that the model takes at once (510 places, two of them for the ends)."""
ESPEAK: Final = {"fr": "fr", "en": "en-us", "en-gb": "en-gb-x-rp", "es": "es", "de": "de", "it": "it"}
_LETTERS: Final = {
    "aɪ": "I", "aʊ": "W", "dz": "ʣ", "dʒ": "ʤ", "eɪ": "A", "oʊ": "O", "əʊ": "Q", "ts": "ʦ", "tʃ": "ʧ",
    "ɔɪ": "Y",
    "c\u0327": "ç",  # decomposed by espeak's reader, one letter to the model
}  # fmt: skip


class Kokoro:
    """One voice in one language.  A voice may speak a language that is not its own."""

    sample_rate = RATE

    def __init__(self, folder: Path, voice: str, lang: str) -> None:
        if not (folder / f"{voice}.bin").is_file():
            raise VoiceError(f"no Kokoro voice {voice} in {folder}: run `ivr models pull`")
        self.lang = lang
        self.name = f"kokoro:{voice}"
        self._folder = folder
        self._voice = voice
        self._espeak = ESPEAK["en-gb" if lang == "en" and voice.startswith("b") else lang]
        self._loading = threading.Lock()
        self._engine: tuple[Any, dict[str, int], NDArray[np.float32]] | None = None

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        """Speaks the text, sentence by sentence."""
        session, letters, styles = self._loaded()
        spoken: list[bytes] = []
        for sentence in phonemes(text, self._espeak):
            tokens = [letters[letter] for letter in sentence if letter in letters][:LONGEST]
            if tokens:
                spoken.append(_speak(session, tokens, styles, speed))
        if not spoken:
            raise VoiceError(f"{self.name} gave no sound for {text[:40]!r}")
        return silence(SENTENCE_PAUSE_S, RATE).join(spoken)

    def _loaded(self) -> tuple[Any, dict[str, int], NDArray[np.float32]]:
        with self._loading:
            if self._engine is None:
                session = _session(self._folder / MODEL)
                vocabulary = json.loads((self._folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
                styles = np.fromfile(self._folder / f"{self._voice}.bin", dtype=np.float32).reshape(-1, 256)
                self._engine = (session, vocabulary, styles)
            return self._engine


@cache
def _session(model: Path) -> Any:
    """One for all voices of a process: 0.2 GB."""
    return onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])


def phonemes(text: str, espeak: str) -> list[str]:
    """The text's sentences in the model's letters."""
    return [_letters(sentence) for sentence in ipa.phonemes(text, espeak)]


def _letters(ipa: str) -> str:
    ipa = unicodedata.normalize("NFD", ipa)
    for pair, letter in _LETTERS.items():
        ipa = ipa.replace(pair, letter)
    return ipa.strip()


def _speak(session: Any, tokens: list[int], styles: NDArray[np.float32], speed: float) -> bytes:
    # the style depends on the length of the sentence: one row for each
    style = styles[min(len(tokens), len(styles)) - 1]
    heard = session.run(
        None,
        {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style.reshape(1, 256),
            "speed": np.array([speed], dtype=np.float32),
        },
    )
    return to_pcm(np.asarray(heard[0], dtype=np.float32).ravel())
