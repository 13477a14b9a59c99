"""Recognises each rendered prompt as heard over the telephone, and compares it with its text."""

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
"""Amplitude from which a sample counts as clipped (1 is full scale)."""
QUIET: Final = 10 ** (-50 / 20)
"""Amplitude below which audio counts as silent: -50 dBFS."""
_BLOCK: Final = RATE // 100


@dataclass(frozen=True)
class HeardBack:
    """One prompt's row in the report.

    voice: name of the voice; text, heard: the words of the prompt and those recognised.
    errors, words: word errors, and number of words in the text; misses: where they differ.
    lufs: loudness; peak_dbfs: true peak.
    """

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
        """Word error rate after normalisation (see ``word_errors``); 1 if something was heard instead of nothing."""
        return self.errors / self.words if self.words else float(bool(self.errors))


async def hear_back(
    items: Iterable[tuple[str, str]],
    prompts: Prompts,
    recogniser: Recogniser,
    hotwords: Mapping[str, str] | None = None,
) -> AsyncIterator[HeardBack]:
    """Yield a row for each prompt.

    items: (text, language) of each; prompts: their audio; hotwords: words to expect, by language.
    Raises NotRendered when a prompt has no audio, RecogniserError when it cannot be decoded.
    """
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
    """Return the mean of the prompts' word error rates; 0 for none."""
    return fmean(row.wer for row in rows) if rows else 0.0


def clipped(pcm: bytes) -> int:
    """Return the number of samples at full scale in ``pcm`` (16-bit samples)."""
    return int(np.count_nonzero(np.abs(to_floats(pcm)) >= FULL_SCALE))


def gap(pcm: bytes) -> float:
    """Return the longest silence inside ``pcm`` (16-bit, 16 kHz) in seconds, with a resolution of 10 ms."""
    floats = to_floats(pcm)
    blocks = np.abs(floats[: floats.size // _BLOCK * _BLOCK].reshape(-1, _BLOCK)).max(axis=1, initial=0.0)
    loud = np.flatnonzero(blocks >= QUIET)
    return float(np.diff(loud).max(initial=1) - 1) * _BLOCK / RATE
