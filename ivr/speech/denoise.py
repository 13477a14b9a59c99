"""Noise suppression: WebRTC's, from webrtc-noise-gain (BSD-3-Clause, https://github.com/rhasspy/webrtc-noise-gain).

Suppression does not improve recognition on the whole.  It corrects some transcripts and spoils others, so only the
second recognition of an utterance uses it (docs/understanding.md).
"""

from __future__ import annotations

from typing import Final

from webrtc_noise_gain import AudioProcessor

from ivr.core.audio import RATE, WIDTH

BLOCK: Final = RATE // 100 * WIDTH
"""Bytes of one WebRTC block (10 ms)."""
STRENGTH: Final = 2
"""Suppression level, 0 to 4.  Levels 1 and 3 corrected fewer questions."""


def without_noise(pcm: bytes) -> bytes:
    """Return the audio with its noise suppressed.

    pcm: slin16.  The result is slin16, cut to whole blocks of 10 ms.  Blocks for some milliseconds.
    """
    processor = AudioProcessor(0, STRENGTH)  # 0: no automatic gain
    blocks = range(0, len(pcm) // BLOCK * BLOCK, BLOCK)
    return b"".join(processor.Process10ms(pcm[start : start + BLOCK]).audio for start in blocks)
