"""Detects the caller's turns: probabilities of voice in, turn events out.  Pure: no audio, no clock, no I/O.

Time is counted in frames of 20 ms.  The states::

    QUIET --voice--> ONSET --0.3 s of voice--> SPEECH --silence--> TRAILING --voice--> SPEECH
      ^                |                                              |
      +---- a cough ---+                                        +-- the listener ends the turn --> QUIET
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
    """What a frame has changed."""

    ONSET = "onset"  # a first sound: the player pauses
    COUGH = "cough"  # the sound was too short for speech: the player continues
    SPEECH = "speech"  # the sound is speech: the player stops
    PAUSE = "pause"  # silence long enough to start decoding
    RESUMED = "resumed"  # the caller continues: the decode is thrown away


@dataclass(frozen=True)
class TurnLimits:
    """Limits of the detector.

    on: probability from which a frame is voiced while all is quiet.
    off: probability from which a frame is voiced after that.
    speech_s: seconds of voice that make speech of a sound; a cough or "mm-hm" is shorter.
    over_prompt_s: the same during a prompt, which is on hold from the first sound.
    gap_s: seconds of silence that end a sound too short for speech.
    pause_s: seconds of silence after which decoding starts.
    """

    on: float = 0.5
    off: float = 0.35
    speech_s: float = 0.30
    over_prompt_s: float = 0.36
    gap_s: float = 0.3
    pause_s: float = 0.02


class TurnDetector:
    """Takes one probability of voice a frame with ``step``.

    state: where the turn stands.  over_prompt: whether a prompt is played.  frame: frames seen.
    start: the first frame of the sound or speech.  last_voice: the last voiced frame.
    """

    def __init__(self, limits: TurnLimits | None = None) -> None:
        self.limits = limits or TurnLimits()
        self.state = TurnState.QUIET
        self.over_prompt = False
        self.frame = 0
        self.start = 0
        self.last_voice = 0
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
        """Take the probability of voice (0 to 1) of the next frame; return what it has changed."""
        self.frame += 1
        voice = probability >= (self.limits.on if self.state is TurnState.QUIET else self.limits.off)
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
        """End the turn and wait for the next one."""
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
