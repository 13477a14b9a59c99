"""The trace of a turn as the live listener noted it: frames in which a prompt played, and durations of decodes.

Times are counted in the listener's frames.  With the same frames and the same trace the listener does the same,
however slow the machine was during the call.
"""

from __future__ import annotations

from ivr.call.audio.listener import HANG_S
from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.audio.turn_trace import Decode
from ivr.core import events
from ivr.core.run_lengths import read_runs

THROWN_AWAY_S = HANG_S - 0.5
"""Seconds assumed for a discarded decode.

It took longer than the caller's pause; the listener gives up a decode that takes HANG_S.
"""


class RecordedPrompt:
    """A player that speaks in the frames in which it spoke in the call, until today's listener stops it.

    trace: the event in which the live listener noted the turn.
    """

    def __init__(self, trace: events.Listened) -> None:
        self._frames = read_runs(trace.prompt)
        self._cut = False
        self.frame = trace.since
        """The number of the frame that the listener hears next."""

    def begin(self) -> None:
        """Begin a prompt."""
        self._cut = False

    @property
    def speaking(self) -> bool:
        """Whether the prompt played in this frame of the call and today's listener has not stopped it."""
        return self.frame in self._frames and not self._cut

    async def hold(self) -> None:
        """Pause the prompt: it still counts as speaking."""

    def resume(self) -> None:
        """Go on after ``hold``."""

    async def flush(self) -> None:
        """Stop the prompt."""
        self._cut = True


def decodes(trace: events.Listened) -> dict[int, Decode]:
    """Return the decodes noted in ``trace``, by the frame at which each began."""
    noted = map(Decode.read, filter(None, trace.decodes.split(",")))
    return {decode.start: decode for decode in noted}


def took_s(decode: Decode) -> float:
    """Return the seconds that a decode took: half a frame more than the frames that passed meanwhile."""
    return THROWN_AWAY_S if decode.took is None else (decode.took + 0.5) * FRAME_S
