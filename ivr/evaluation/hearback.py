"""Prompts heard back: each rendered prompt over the telephone, recognised, compared with what it should say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from ivr.core.audio import RATE, seconds, through_g711, to_floats
from ivr.evaluation.word_errors import Miss, compare
from ivr.speech.loudness import loudness, true_peak
from ivr.speech.prompts import Prompts
from ivr.speech.stt import Recogniser

FULL_SCALE: Final = 32700 / 32768
"""A sample from here on is taken for clipped."""
QUIET: Final = 10 ** (-50 / 20)
"""Below -50 dBFS it is silent."""
_BLOCK: Final = RATE // 100


@dataclass(frozen=True)
class HeardBack:
    """One prompt's row in the report."""

    lang: str
    voice: str
    text: str
    heard: str
    errors: int
    words: int
    misses: tuple[Miss, ...]
    lufs: float
    peak_dbfs: float
    clipped: int
    """Samples at full scale."""
    gap_s: float
    """The longest silence inside the prompt."""
    length_s: float

    @property
    def wer(self) -> float:
        """Word error rate after fair normalisation (see ``likeness``)."""
        return self.errors / self.words if self.words else float(bool(self.errors))


async def hear_back(
    items: Iterable[tuple[str, str]],
    prompts: Prompts,
    recogniser: Recogniser,
    hotwords: Mapping[str, str] | None = None,
) -> AsyncIterator[HeardBack]:
    """A row for each rendered (text, language); raises NotRendered where one is not."""
    for text, lang in items:
        pcm = prompts.audio(text, lang)
        utterance = recogniser.utterance([lang], (hotwords or {}).get(lang, ""))
        utterance.feed(through_g711(pcm))
        heard = (await utterance.decode()).text
        alike = compare(text, heard, prompts.pronunciation(lang))
        yield HeardBack(
            lang, prompts.voice(lang).name, text, heard, alike.errors, alike.words, alike.misses,
            round(loudness(pcm), 2), round(true_peak(pcm), 2), clipped(pcm), round(gap(pcm), 2),
            round(seconds(pcm), 2),
        )  # fmt: skip


def mean_wer(rows: Sequence[HeardBack]) -> float:
    """The mean of the prompts' word error rates."""
    return fmean(row.wer for row in rows) if rows else 0.0


def clipped(pcm: bytes) -> int:
    """How many samples stand at full scale."""
    return int(np.count_nonzero(np.abs(to_floats(pcm)) >= FULL_SCALE))


def gap(pcm: bytes) -> float:
    """The longest silence between the first and the last sound, in seconds, to 10 ms."""
    floats = to_floats(pcm)
    blocks = np.abs(floats[: floats.size // _BLOCK * _BLOCK].reshape(-1, _BLOCK)).max(axis=1, initial=0.0)
    loud = np.flatnonzero(blocks >= QUIET)
    return float(np.diff(loud).max(initial=1) - 1) * _BLOCK / RATE
