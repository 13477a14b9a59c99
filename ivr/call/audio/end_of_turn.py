"""The silence after which a turn of the caller is over.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.call.audio.interpretation import Interpretation
from ivr.speech.stt import CLEAR, DOUBTFUL, FINISHED, SURELY_FINISHED

MIDDLING = 0.5
"""Probability that the sentence is finished where the recogniser gives none."""


@dataclass(frozen=True)
class EndOfTurnPolicy:
    """Silences in seconds that end a turn, and limits of a turn.

    quick_s: after a complete sentence that sounds finished.
    complete_s: after any other complete sentence, and after a clear one that has surely finished.
    incomplete_s: where the sentence or its end is in doubt.
    unfinished_s: where both are in doubt.
    no_input_s: silence without any speech after which the turn ends.
    longest_s: the longest turn.
    """

    quick_s: float = 0.3
    complete_s: float = 0.64
    incomplete_s: float = 1.0
    unfinished_s: float = 1.2
    no_input_s: float = 6.0
    longest_s: float = 25.0

    def always(self, silence_s: float) -> EndOfTurnPolicy:
        """The same policy with one silence in seconds, whatever is said."""
        return replace(
            self, quick_s=silence_s, complete_s=silence_s, incomplete_s=silence_s, unfinished_s=silence_s
        )

    def after(self, heard: Interpretation) -> float:
        """Seconds of silence that end a turn with this interpretation."""
        transcript = heard.transcript
        finished = MIDDLING if transcript.finished is None else transcript.finished
        if finished < DOUBTFUL:
            return self.incomplete_s if heard.complete else self.unfinished_s
        if heard.complete:
            return self.quick_s if finished >= FINISHED else self.complete_s
        clear = finished >= SURELY_FINISHED and transcript.confidence >= CLEAR
        return self.complete_s if clear else self.incomplete_s
