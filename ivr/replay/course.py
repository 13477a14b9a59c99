"""A turn's course as the live ear noted it: when we spoke and how long decodes took, in the ear's own frames.

With the same frames and the same course the ear does the same, however late the machine was then.
"""

from __future__ import annotations

from ivr import events
from ivr.call.ear import HANG_S
from ivr.call.turns import FRAME_S
from ivr.replay.sound import numbers

THROWN_AWAY_S = HANG_S - 0.5
"""A decode that was thrown away took longer than the caller's pause; the ear gives up one that takes HANG_S."""


class Spoken:
    """A mouth that speaks in the frames in which it spoke then, until today's ear cuts it."""

    def __init__(self, course: events.Listened) -> None:
        self._frames = numbers(course.prompt)
        self._cut = False
        self.frame = course.since
        """The frame that the ear hears next."""

    def begin(self, speaks_s: float) -> None:
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


def decode_times(course: events.Listened) -> dict[int, float]:
    """Seconds that each decode took, by the frame at which it began: just less than the frames that passed."""
    found: dict[int, float] = {}
    for one in filter(None, course.decodes.split(",")):
        start, _, count = one.rstrip("q!").partition("+")
        found[int(start)] = (int(count) - 0.5) * FRAME_S if count else THROWN_AWAY_S
    return found


def heard_once(course: events.Listened) -> frozenset[int]:
    """The frames at which those decodes began whose second listening came too late."""
    late = (one for one in course.decodes.split(",") if one.endswith("!"))
    return frozenset(int(one.partition("+")[0]) for one in late)


def heard_well(course: events.Listened) -> frozenset[int]:
    """The frames at which those decodes began that no quick listening came before."""
    well = (one for one in filter(None, course.decodes.split(",")) if "q" not in one)
    return frozenset(int(one.partition("+")[0]) for one in well)
