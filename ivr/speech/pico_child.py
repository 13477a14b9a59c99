"""The process that runs Pico.  ``tts_pico`` starts it and writes one JSON line per text to its standard input.

Pico (py-nanotts 0.1.1) does not clear the memory that it allocates.  When malloc returns used memory, four texts in
ten are rendered wrongly and some never end.  Pico also holds the interpreter's lock while it works.  In a process of
its own, every large block comes zeroed from the kernel, and the parent can kill it.

Request: ``{"text", "voice", "speed"}``.  Answer on standard output: the length of the speech in bytes (4 bytes,
big-endian), then 16-bit mono at 16 kHz.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Final

M_MMAP_THRESHOLD: Final = -3  # malloc.h
MAPPED_FROM_BYTES: Final = 128 * 1024
"""malloc maps blocks of this size and larger (mallopt(3))."""


def main() -> None:
    """Answer requests until standard input ends."""
    # An explicit threshold does not grow, so every large block is mapped anew and zeroed.
    if not ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES):
        raise SystemExit("malloc rejects the threshold: Pico would use uncleared memory")
    from py_nanotts import NanoTTS

    pico = NanoTTS()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        pcm = pico.speak(request["text"], voice=request["voice"], speed=request["speed"])
        sys.stdout.buffer.write(len(pcm).to_bytes(4, "big") + pcm)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
