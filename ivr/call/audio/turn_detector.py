"""Whose turn is it?  Voice probabilities in, turn events out; no audio, no clock, no I/O.

Time is counted in frames of 20 ms.  The machine::

    QUIET --voice--> ONSET --0.3 s of voice--> SPEECH --silence--> TRAILING --voice--> SPEECH
      ^                |                                              |
      +---- a cough ---+                                              +-- the ear ends the turn --> QUIET
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

FRAME_S = 0.02


class TurnState(StrEnum):
    """Where the caller's turn stands."""

    QUIET = "quiet"
    ONSET = "onset"
    SPEECH = "speech"
    TRAILING = "trailing"


class DetectedTurn(StrEnum):
    """What just changed."""

    ONSET = "onset"  # a first sound: the mouth pauses
    COUGH = "cough"  # it was too short to be speech: the mouth goes on
    SPEECH = "speech"  # it is speech: the mouth stops
    PAUSE = "pause"  # silence long enough to start decoding
    RESUMED = "resumed"  # he goes on: what was decoded is thrown away


@dataclass(frozen=True)
class TurnLimits:
    """Durations in seconds, voice thresholds as probabilities.

    ``speech_s``: voiced time that makes speech of a sound (a cough or "mm-hm" under 0.3 s is none).
    ``over_prompt_s``: the same while we speak; our prompt is held at the first sound anyway.
    ``gap_s``: silence that ends a sound too short to be speech.  ``pause_s``: silence after which decoding
    starts early.
    """

    on: float = 0.5
    off: float = 0.35
    speech_s: float = 0.30
    over_prompt_s: float = 0.36
    gap_s: float = 0.3
    pause_s: float = 0.02


class TurnDetector:
    """Feed one probability a frame with ``step``; read ``state``, ``silence_s`` and the frame counters."""

    def __init__(self, limits: TurnLimits | None = None) -> None:
        self.limits = limits or TurnLimits()
        self.state = TurnState.QUIET
        self.over_prompt = False  # whether we speak
        self.frame = 0  # frames seen
        self.start = 0  # first frame of the sound or speech
        self.last_voice = 0  # last voiced frame
        self._voiced = 0
        self._paused = False
        self._recent: deque[bool] = deque(maxlen=3)

    @property
    def silence_s(self) -> float:
        """Seconds since the last voiced frame."""
        return (self.frame - self.last_voice) * FRAME_S

    @property
    def speech_s(self) -> float:
        """Seconds from the first to the last voiced frame of this turn."""
        return (self.last_voice - self.start + 1) * FRAME_S

    def step(self, probability: float) -> DetectedTurn | None:
        """One frame of 20 ms with the VAD's probability of voice; what changed, if anything did."""
        self.frame += 1
        voice = probability >= (self.limits.on if self.state in (TurnState.QUIET,) else self.limits.off)
        self._recent.append(voice)
        if voice:
            self.last_voice = self.frame
            self._voiced += 1
        match self.state:
            case TurnState.QUIET:
                return self._quiet()
            case TurnState.ONSET:
                return self._onset()
            case TurnState.SPEECH:
                return self._speech()
            case TurnState.TRAILING:
                return self._trailing(voice)

    def reset(self) -> None:
        """The turn is over; wait for the next one."""
        self.state, self._voiced, self._paused = TurnState.QUIET, 0, False
        self._recent.clear()

    def _quiet(self) -> DetectedTurn | None:
        if sum(self._recent) < 2:
            if not any(self._recent):
                self._voiced = 0
            return None
        self.state, self.start = TurnState.ONSET, self.frame - len(self._recent) + 1
        return DetectedTurn.ONSET

    def _onset(self) -> DetectedTurn | None:
        enough = self.limits.over_prompt_s if self.over_prompt else self.limits.speech_s
        if self._voiced * FRAME_S >= enough:
            self.state = TurnState.SPEECH
            return DetectedTurn.SPEECH
        if self.silence_s >= self.limits.gap_s:
            self.reset()
            return DetectedTurn.COUGH
        return None

    def _speech(self) -> DetectedTurn | None:
        if self.silence_s < self.limits.pause_s:
            return None
        self.state = TurnState.TRAILING
        return DetectedTurn.PAUSE

    def _trailing(self, voice: bool) -> DetectedTurn | None:
        if not voice or sum(self._recent) < 2:
            return None
        self.state = TurnState.SPEECH
        return DetectedTurn.RESUMED
