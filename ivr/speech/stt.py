"""Speech to text: the interface of every recogniser."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ivr.core.audio import RATE, WIDTH

log = logging.getLogger(__name__)

MAX_SECONDS: Final = 30
"""Longest utterance that is recognised.  Whisper accepts at most 30 s, and no question is longer."""
MAX_BYTES: Final = MAX_SECONDS * RATE * WIDTH
FINISHED: Final = 0.84
"""Least ``Transcript.finished`` at which the caller sounds finished (docs/speech.md)."""
DOUBTFUL: Final = 0.1
"""The caller sounds unfinished below this ``Transcript.finished``."""
SURELY_FINISHED: Final = 0.97
CLEAR: Final = 0.9
"""Where ``finished`` and the confidence reach these two values, a second recognition gives nothing else."""


@dataclass(frozen=True)
class Transcript:
    """The result of one recognition.

    text: the words, as the engine spells them; empty where nobody spoke.
    confidence: the engine's certainty, 0 to 1.
    lang: code of the recognised language.
    engine: name of the recogniser.
    finished: probability (0 to 1) that the caller has finished, judged by the sound; None where it was not judged.
    """

    text: str
    confidence: float
    lang: str
    engine: str
    finished: float | None = None


class Utterance(Protocol):
    """One stretch of a caller's speech.  It holds all state; the engine holds none.

    Every coroutine may raise RecogniserError.
    """

    def feed(self, pcm: bytes) -> None:
        """Add slin16 of any even length.  Never blocks.  Audio beyond 30 s is dropped and logged once."""

    async def partial(self) -> Transcript | None:
        """Return what a streaming engine has recognised so far; None where the engine does not stream."""

    async def quick(self) -> Transcript | None:
        """Return an earlier and less certain result than ``decode``; None where the engine has none."""

    async def decode(self) -> Transcript:
        """Return the text of all audio fed so far.  More audio and further decodes may follow (early decoding)."""

    async def again(self) -> Transcript | None:
        """Return the text of the audio with its noise suppressed; None where the engine does not gain by it."""


class Recogniser(Protocol):
    """An engine with its models loaded, known by its ``name`` and the codes of its ``languages``."""

    name: str
    languages: frozenset[str]

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Utterance:
        """Start an utterance.

        langs: codes of the languages that may be spoken; the engine chooses among them alone.
        hotwords: names and answers that are likely, as text; empty: none.
        """

    async def close(self) -> None:
        """End the engine's threads."""


class UtteranceBuffer:
    """The audio of one utterance: its first 30 s."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._full = False

    def add(self, pcm: bytes) -> bytes:
        """Append slin16 and return the part that fitted."""
        room = MAX_BYTES - len(self._pcm)
        if len(pcm) > room and not self._full:
            self._full = True
            log.warning("An utterance is longer than %d s: the rest of it is not recognised", MAX_SECONDS)
        kept = pcm[:room]
        self._pcm += kept
        return kept

    def pcm(self) -> bytes:
        """Return the stored audio as slin16."""
        return bytes(self._pcm)
