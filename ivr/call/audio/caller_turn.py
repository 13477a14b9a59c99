"""What the listener makes of one turn of the caller."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.call.audio.interpretation import Interpretation
from ivr.call.audio.turn_trace import DecodedSpan, TurnTrace


@dataclass(frozen=True)
class CallerTurn:
    """One turn of the caller: a key, speech, or silence.  Times are seconds of the listener's audio.

    key: the key pressed, or several where a number was asked for.
    interpretation: what was said and meant; None without speech.
    start_s, end_s: first and last voiced frame.
    decode_s: seconds that recognition took.
    waited_s: seconds of silence that ended the turn.
    heedless_s: seconds of speech that began during the prompt or had no pause, or of noise instead of speech.
    span: the audio that was decoded.
    trace: what else the turn depended on.
    """

    key: str = ""
    interpretation: Interpretation | None = None
    start_s: float = 0.0
    end_s: float = 0.0
    decode_s: float = 0.0
    waited_s: float = 0.0
    heedless_s: float = 0.0
    span: DecodedSpan = DecodedSpan()
    trace: TurnTrace = TurnTrace()

    @property
    def is_noise(self) -> bool:
        """Whether a noise has cut the prompt short and nothing else has happened."""
        return not (self.key or self.interpretation or self.waited_s)
