"""The process in which Pico speaks: ``tts_pico`` starts it and writes one JSON line per text.

Pico (py-nanotts 0.1.1) works in memory that it does not clear.  Whenever malloc hands out used memory, four
texts in ten come out wrong, and some never end; and it holds the interpreter's lock all the time.  So it
runs here, where every large block comes fresh from the kernel, and where it can be killed.

Answers: the length of the speech in bytes (4 bytes, big-endian), then 16 kHz 16-bit mono.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Final

M_MMAP_THRESHOLD: Final = -3  # malloc.h
FRESH_FROM_BYTES: Final = 128 * 1024


def main() -> None:
    """Speaks until standard input ends."""
    # Set explicitly, the threshold no longer grows: large blocks are mapped, and so zeroed, each time.
    if not ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, FRESH_FROM_BYTES):
        raise SystemExit("malloc does not take a threshold: Pico would speak from uncleared memory")
    from py_nanotts import NanoTTS

    pico = NanoTTS()
    for line in sys.stdin.buffer:
        wanted = json.loads(line)
        pcm = pico.speak(wanted["text"], voice=wanted["voice"], speed=wanted["speed"])
        sys.stdout.buffer.write(len(pcm).to_bytes(4, "big") + pcm)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
