"""What a turn depended on and what was decoded of it: enough for a replay to come to the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DecodedSpan:
    """The audio that was decoded: from and to in seconds, and its CRC-32 in hexadecimal, by which a replay
    knows that it decodes the very same.  ``gaps``: its frames that hold no sound at all, as ``12+3`` (from the
    12th on, three): the line was late or silent, and the recording may not have them.
    """

    from_s: float = 0.0
    to_s: float = 0.0
    sum: str = ""
    gaps: str = ""


@dataclass(frozen=True)
class Decode:
    """It began at a frame, and its result was there ``took`` frames later; None: it was thrown away before.

    ``once``: a second listening was begun, but his turn was over before it was.
    """

    start: int
    took: int | None = None
    once: bool = False

    def __str__(self) -> str:
        """As events hold it: ``80+25``, ``80+``, ``80+25!``."""
        took = "" if self.took is None else self.took
        return f"{self.start}+{took}{'!' if self.once else ''}"

    @classmethod
    def read(cls, text: str) -> Decode:
        """The decode that ``str`` wrote."""
        start, _, rest = text.partition("+")
        took = rest.rstrip("!")
        return cls(int(start), int(took) if took else None, once="!" in rest)


@dataclass(frozen=True)
class TurnTrace:
    """What else a turn depended on, counted in the ear's frames from 1.

    ``since``, ``until``: the first and last frame listened to.  ``voice``: first and last voiced frame of what he
    said, or (0, 0).  ``prompt``: the frames in which we spoke or were about to.
    """

    since: int = 0
    until: int = 0
    voice: tuple[int, int] = (0, 0)
    prompt: tuple[int, ...] = ()
    decodes: tuple[Decode, ...] = ()

    def then(self, later: TurnTrace) -> TurnTrace:
        """Both, where one turn took two listenings."""
        return TurnTrace(
            self.since or later.since, later.until, later.voice, self.prompt + later.prompt,
            self.decodes + later.decodes,
        )  # fmt: skip


@dataclass
class TurnTraceBuilder:
    """The course of a turn while it goes on."""

    begun: int
    since: int = 0
    prompt: list[int] = field(default_factory=list)
    decodes: list[Decode] = field(default_factory=list)

    def takes(self, frame: int, speaking: bool) -> bool:
        """A frame is listened to; whether we spoke, or were about to: it had waited for us to listen."""
        self.since = self.since or frame
        speaking = speaking or frame <= self.begun
        if speaking:
            self.prompt.append(frame)
        return speaking

    def course(self, until: int, voice: tuple[int, int] = (0, 0)) -> TurnTrace:
        """As it stands."""
        return TurnTrace(self.since or until + 1, until, voice, tuple(self.prompt), tuple(self.decodes))


def runs(places: Sequence[int]) -> str:
    """Rising numbers as runs: 3, 4, 5, 9 are ``3+3,9+1``."""
    found: list[list[int]] = []
    for place in places:
        if found and place == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([place, 1])
    return ",".join(f"{first}+{count}" for first, count in found)
