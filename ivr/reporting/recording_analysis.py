"""Measures a recorded call in its audio alone: who spoke when, and how long answers took.  Pure.

Speech is detected by energy: a telephone leg between computers is digitally silent when nobody speaks, and the
thresholds follow each channel's own level and background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivr.core.audio import RATE, to_samples

HOP_S = 0.005
"""Resolution of all times in this module, in seconds."""
QUIETEST_DB = -50.0
"""Nothing below this level (dBFS) is speech."""
BELOW_SPEECH_DB, ABOVE_NOISE_DB = 30.0, 6.0
"""Speech is at most this far below the channel's loud parts, and at least this far above its background."""
JOIN_S = 0.3
"""Shorter pauses (seconds) belong to the utterance."""
SHORTEST_S = 0.04
"""Shorter sounds (seconds) are clicks."""


@dataclass(frozen=True)
class SpeechSpan:
    """One utterance: start and end in seconds from the answer."""

    start: float
    end: float


@dataclass(frozen=True)
class AnalysedTurn:
    """A caller's turn: the end of their speech and the start of the answer (None without one).

    Both are in seconds from the answer of the call.
    """

    caller_end: float
    answer_start: float | None

    @property
    def mouth_to_ear_s(self) -> float | None:
        """Seconds from the caller's last sound to the first sound of the answer."""
        return None if self.answer_start is None else round(self.answer_start - self.caller_end, 3)


@dataclass(frozen=True)
class Analysis:
    """Both sides' utterances, the turns, and the seconds until the service first spoke (None if it never did)."""

    caller: tuple[SpeechSpan, ...]
    service: tuple[SpeechSpan, ...]
    turns: tuple[AnalysedTurn, ...]
    greeting_s: float | None

    def events(self) -> list[tuple[str, float]]:
        """The starts and ends of speech as (event, seconds), in order of time."""
        found = [
            (f"{who}_speech_{edge}", round(getattr(span, edge), 3))
            for who, spans in (("caller", self.caller), ("service", self.service))
            for span in spans
            for edge in ("start", "end")
        ]
        return sorted(found, key=lambda event: event[1])


def analyse(caller: bytes, service: bytes, rate: int = RATE) -> Analysis:
    """Analyse two aligned legs, s16le mono at ``rate`` Hz, whose first sample is the moment of the answer."""
    said, heard = speech(caller, rate), speech(service, rate)
    return Analysis(said, heard, turns(said, heard), heard[0].start if heard else None)


def speech(pcm: bytes, rate: int = RATE) -> tuple[SpeechSpan, ...]:
    """The utterances in one leg, s16le mono at ``rate`` Hz."""
    levels = _levels(pcm, rate)
    loud = levels > threshold_db(levels)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    spans = [SpeechSpan(float(start) * HOP_S, float(end) * HOP_S) for start, end in edges.reshape(-1, 2)]
    return tuple(span for span in _joined(spans) if span.end - span.start >= SHORTEST_S)


def threshold_db(levels: np.ndarray) -> float:
    """The level (dBFS) above which a hop of this channel is speech; ``levels``: of all its hops (dBFS)."""
    active = levels[levels > QUIETEST_DB - 10]
    if not active.size:
        return QUIETEST_DB
    loud, background = float(np.percentile(active, 95)), float(np.percentile(active, 10))
    noise_bound = background + ABOVE_NOISE_DB if loud - background > 2 * ABOVE_NOISE_DB else QUIETEST_DB
    return max(QUIETEST_DB, loud - BELOW_SPEECH_DB, noise_bound)


def turns(caller: Sequence[SpeechSpan], service: Sequence[SpeechSpan]) -> tuple[AnalysedTurn, ...]:
    """The caller's turns; utterances without a start of the service's speech between them are one turn."""
    starts = [span.start for span in service]
    found: dict[float | None, AnalysedTurn] = {}
    for span in caller:
        answer = next((start for start in starts if start > span.end), None)
        found[answer] = AnalysedTurn(round(span.end, 3), None if answer is None else round(answer, 3))
    return tuple(found.values())


def barge_ins(found: Analysis) -> tuple[float, ...]:
    """For each barge-in: seconds from the caller's first sound to the service's last."""
    return tuple(
        round(span.end - said.start, 3)
        for said in found.caller
        for span in found.service
        if span.start < said.start < span.end
    )


def _levels(pcm: bytes, rate: int) -> np.ndarray:
    """RMS of every hop in dBFS; -120 for digital silence."""
    hop = round(rate * HOP_S)
    samples = to_samples(pcm).astype(np.float64) / 32768
    whole = samples[: samples.size // hop * hop].reshape(-1, hop)
    rms = np.sqrt(np.mean(whole**2, axis=1))
    levels: np.ndarray = 20 * np.log10(np.maximum(rms, 1e-6))
    return levels


def _joined(spans: Sequence[SpeechSpan]) -> list[SpeechSpan]:
    joined: list[SpeechSpan] = []
    for span in spans:
        if joined and span.start - joined[-1].end < JOIN_S:
            joined[-1] = SpeechSpan(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined
