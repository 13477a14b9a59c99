"""Speech to text: what every recogniser looks like, and which one a language gets."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ivr.core.audio import RATE, WIDTH

log = logging.getLogger(__name__)

MAX_SECONDS: Final = 30
"""Longest utterance that is kept; Whisper sees at most 30 s, and nobody asks for longer."""
FINISHED: Final = 0.84
DOUBTFUL: Final = 0.1
"""From the first on a caller sounds finished, below the second as if he went on (docs/speech.md)."""
SURELY_FINISHED: Final = 0.97
CLEAR: Final = 0.9
"""Of one who has surely finished, and was heard that confidently, a second listening makes nothing else."""
MAX_BYTES: Final = MAX_SECONDS * RATE * WIDTH


@dataclass(frozen=True)
class Transcript:
    """What was heard: the text as the engine spells it, and how sure it is (0..1).

    ``finished``: how surely the caller has finished, by how he sounds (0..1); None where nobody judged that.
    """

    text: str
    confidence: float
    lang: str
    engine: str
    finished: float | None = None


class Utterance(Protocol):
    """One stretch of a caller's speech.  All state is here, none in the engine."""

    def feed(self, pcm: bytes) -> None:
        """Adds slin16 of any even length.  Never blocks; beyond 30 s the rest is dropped, said once."""

    async def partial(self) -> Transcript | None:
        """What a streaming engine has heard so far; None where the engine does not stream."""

    async def quick(self) -> Transcript | None:
        """The same as ``decode``, sooner and less sure; None where the engine has nothing quicker."""

    async def decode(self) -> Transcript:
        """The text of all that was fed so far.  May be called again after more was fed (early decoding)."""

    async def again(self) -> Transcript | None:
        """The same, listened to with the noise taken away; None where the engine gains nothing by it."""


class Recogniser(Protocol):
    """An engine with its models loaded."""

    name: str
    languages: frozenset[str]

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Utterance:
        """Starts listening.  Where several languages are offered, only these compete for the speech."""

    async def close(self) -> None:
        """Ends the engine's threads."""


class UtteranceBuffer:
    """The bounded audio of one utterance: the oldest 30 s are kept."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._full = False

    def add(self, pcm: bytes) -> bytes:
        """Appends and returns the part that still fitted."""
        room = MAX_BYTES - len(self._pcm)
        if len(pcm) > room and not self._full:
            self._full = True
            log.warning("An utterance is longer than %d s: the rest of it is not recognised", MAX_SECONDS)
        kept = pcm[:room]
        self._pcm += kept
        return kept

    def pcm(self) -> bytes:
        """All that was kept, as slin16."""
        return bytes(self._pcm)
