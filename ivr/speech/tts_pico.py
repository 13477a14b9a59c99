"""SVOX Pico from py-nanotts: small, quick (20 ms per sentence), at 16 kHz.  It needs no download of a model."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

import numpy as np

from ivr.core.audio import RATE, to_floats, to_pcm
from ivr.core.errors import VoiceError

VOICES: Final = {"fr": "fr-FR", "es": "es-ES", "de": "de-DE", "it": "it-IT", "en": "en-GB"}
"""Pico's voice for each language."""
BRIGHTEN: Final = 0.8
"""Pre-emphasis (0 to 1), because Pico is dull and the telephone removes more high frequencies.

Word error rates over the telephone with and without it: French 20 and 23 %, German 17 and 19 %, Spanish 8 and 10 %,
Italian 10 and 9 %."""
LIMIT_S: Final = 10.0
"""Longest time for one text, in seconds.  A minute of speech takes half a second."""


class Pico:
    """Pico's voice for the language code ``lang``.  Raises VoiceError where Pico does not speak the language."""

    sample_rate = RATE

    def __init__(self, lang: str) -> None:
        if lang not in VOICES:
            raise VoiceError(f"Pico does not speak {lang}")
        self.lang = lang
        self.name = f"pico:{VOICES[lang]}-bright"

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        """Return the speech for ``text``, as ``Voice.render``; Pico pauses between sentences by itself."""
        # With a speed, Pico wraps the text in markup and renders its end as 0.1 s of silence.
        request = {"text": text, "voice": VOICES[self.lang], "speed": None if speed == 1.0 else speed}
        pcm = _child.speak(json.dumps(request).encode() + b"\n") if text.strip() else b""
        if not pcm:
            raise VoiceError(f"{self.name} gave no sound for {text[:40]!r}")
        return _brighten(pcm)


def _brighten(pcm: bytes) -> bytes:
    """Raise the high frequencies and keep the peak level."""
    dull = to_floats(pcm)
    bright = np.append(dull[:1], dull[1:] - BRIGHTEN * dull[:-1])
    peak = float(np.abs(bright).max(initial=0.0))
    return to_pcm(bright * (float(np.abs(dull).max()) / peak)) if peak else pcm


class _PicoProcess:
    """The process of ``pico_child``, started at the first text and again after a failure."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def speak(self, line: bytes) -> bytes:
        """Return the speech for one line of JSON.  Raises VoiceError where none comes within ``LIMIT_S``."""
        with self._lock:
            process = self._ensure_running()
            assert process.stdin is not None and process.stdout is not None  # both are pipes
            deadline = time.monotonic() + LIMIT_S
            try:
                process.stdin.write(line)
                process.stdin.flush()
                size = int.from_bytes(_read(process.stdout, 4, deadline), "big")
                return _read(process.stdout, size, deadline)
            except (OSError, EOFError, TimeoutError) as error:
                self._end()
                raise VoiceError(f"Pico failed on {line[:60]!r}: {error or type(error).__name__}") from error

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ensure_running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            script = Path(__file__).with_name("pico_child.py")
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                process_group=0,  # Ctrl-C at the terminal reaches the service alone
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _read(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    """Read exactly ``size`` bytes before ``deadline`` (seconds of the monotonic clock)."""
    content = bytearray()
    while len(content) < size:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"no speech within {LIMIT_S:.0f} s")
        piece = os.read(pipe.fileno(), size - len(content))
        if not piece:
            raise EOFError("its process ended")
        content += piece
    return bytes(content)


_child: Final = _PicoProcess()
atexit.register(_child.stop)
