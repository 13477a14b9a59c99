"""A turn's course as the live ear noted it: when we spoke and how long decodes took, in the ear's own frames.

With the same frames and the same course the ear does the same, however late the machine was then.
"""

from __future__ import annotations

from ivr.call.audio.listener import HANG_S
from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.audio.turn_trace import Decode
from ivr.core import events
from ivr.core.run_lengths import read_runs

THROWN_AWAY_S = HANG_S - 0.5
"""A decode that was thrown away took longer than the caller's pause; the ear gives up one that takes HANG_S."""


class Spoken:
    """A mouth that speaks in the frames in which it spoke then, until today's ear cuts it."""

    def __init__(self, course: events.Listened) -> None:
        self._frames = read_runs(course.prompt)
        self._cut = False
        self.frame = course.since
        """The frame that the ear hears next."""

    def begin(self) -> None:
        """A prompt begins."""
        self._cut = False

    @property
    def speaking(self) -> bool:
        """Whether we spoke then, and today's ear has not stopped it."""
        return self.frame in self._frames and not self._cut

    async def hold(self) -> None:
        """On hold it counts as speaking."""

    def resume(self) -> None:
        """It goes on."""

    async def flush(self) -> None:
        """Silence."""
        self._cut = True


def decodes(course: events.Listened) -> dict[int, Decode]:
    """The turn's decodes by the frame at which each began."""
    noted = map(Decode.read, filter(None, course.decodes.split(",")))
    return {decode.start: decode for decode in noted}


def took_s(decode: Decode) -> float:
    """Seconds that it took: until after the last frame that passed, and before the next."""
    return THROWN_AWAY_S if decode.took is None else (decode.took + 0.5) * FRAME_S
