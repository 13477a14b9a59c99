"""Kokoro-82M (Apache-2.0, https://huggingface.co/hexgrad/Kokoro-82M): one small model at 24 kHz with many voices.

A style vector defines each voice.  The input is espeak-ng's IPA with diphthongs and affricates as single letters, as
in the model's text front end (misaki, ``EspeakG2P``, https://github.com/hexgrad/misaki).
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
"""Silence between two sentences, in seconds."""
LONGEST: Final = 508
"""Most phonemes of one inference: 510 positions, of which two mark the ends."""
ESPEAK: Final = {"fr": "fr", "en": "en-us", "en-gb": "en-gb-x-rp", "es": "es", "de": "de", "it": "it"}
"""espeak-ng's voice for each language."""
_LETTERS: Final = {
    "aɪ": "I", "aʊ": "W", "dz": "ʣ", "dʒ": "ʤ", "eɪ": "A", "oʊ": "O", "əʊ": "Q", "ts": "ʦ", "tʃ": "ʧ",
    "ɔɪ": "Y",
    "c\u0327": "ç",  # NFD decomposes it; the model has one letter
}  # fmt: skip


class Kokoro:
    """One voice in one language, which need not be the voice's own.

    folder: the model, its vocabulary and the voices.  voice: name of a voice, such as ``am_michael``.  lang: language
    code.  Raises VoiceError where the voice is missing.
    """

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
        """Return the speech for ``text``, as ``Voice.render``; each sentence is rendered by itself."""
        session, letters, styles = self._load()
        sentences: list[bytes] = []
        for sentence in phonemes(text, self._espeak):
            tokens = [letters[letter] for letter in sentence if letter in letters][:LONGEST]
            if tokens:
                sentences.append(_speak(session, tokens, styles, speed))
        if not sentences:
            raise VoiceError(f"{self.name} gave no sound for {text[:40]!r}")
        return silence(SENTENCE_PAUSE_S, RATE).join(sentences)

    def _load(self) -> tuple[Any, dict[str, int], NDArray[np.float32]]:
        with self._loading:
            if self._engine is None:
                session = _session(self._folder / MODEL)
                vocabulary = json.loads((self._folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
                styles = np.fromfile(self._folder / f"{self._voice}.bin", dtype=np.float32).reshape(-1, 256)
                self._engine = (session, vocabulary, styles)
            return self._engine


@cache
def _session(model: Path) -> Any:
    """One session for all voices of a process, because it takes 0.2 GB."""
    return onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])


def phonemes(text: str, espeak: str) -> list[str]:
    """Return the sentences of ``text`` in the model's letters.  espeak: espeak-ng's name of the language."""
    return [_letters(sentence) for sentence in ipa.phonemes(text, espeak)]


def _letters(ipa: str) -> str:
    ipa = unicodedata.normalize("NFD", ipa)
    for pair, letter in _LETTERS.items():
        ipa = ipa.replace(pair, letter)
    return ipa.strip()


def _speak(session: Any, tokens: list[int], styles: NDArray[np.float32], speed: float) -> bytes:
    # one style vector for each length of a sentence
    style = styles[min(len(tokens), len(styles)) - 1]
    outputs = session.run(
        None,
        {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style.reshape(1, 256),
            "speed": np.array([speed], dtype=np.float32),
        },
    )
    return to_pcm(np.asarray(outputs[0], dtype=np.float32).ravel())
