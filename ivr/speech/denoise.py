"""Noise taken away, as WebRTC does it for those who talk over computers (BSD-3-Clause, wrapped by webrtc-noise-gain).

What a recogniser makes of the rest is not better on the whole, but other: it mends what was misheard and spoils what
was heard rightly.  So it is worth a second listening, not the first (docs/understanding.md).
"""

from __future__ import annotations

from typing import Final

from webrtc_noise_gain import AudioProcessor

from ivr.core.audio import RATE, WIDTH

BLOCK: Final = RATE // 100 * WIDTH
"""Bytes of the 10 ms that WebRTC takes at a time."""
STRENGTH: Final = 2
"""Of 0 to 4.  With 1 and 3 fewer questions were mended."""


def without_noise(pcm: bytes) -> bytes:
    """Slin16 of the same length, to 10 ms; blocks for some milliseconds."""
    processor = AudioProcessor(0, STRENGTH)  # 0: the level stays as it is
    blocks = range(0, len(pcm) // BLOCK * BLOCK, BLOCK)
    return b"".join(processor.Process10ms(pcm[at : at + BLOCK]).audio for at in blocks)
