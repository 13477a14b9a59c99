"""One leg of a recording, put together from blocks that came with the time by which they had come.  Pure.

Times are never exact: our own process may read late.  But a block that was read late is followed at once by
the next ones, while after real silence (nobody sent anything) the next block stands alone.  So the place of
each block is found backwards, from what came after it, and only what is then still missing is silence.  (A
sender that fell behind and caught up looks the same as our late reading: there a block may stand earlier than
it was heard, by as much as was caught up.)
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.core.audio import RATE

JITTER_S = 0.02
"""A block this late continues the one before it without a gap."""
HOLE_S = 0.04
"""Two frames that did not come: shorter ones are the telephone network's usual unevenness."""


@dataclass(frozen=True)
class Block:
    """Audio (s16le mono) and the latest possible time of its end, in samples from the start."""

    pcm: bytes
    end: int


@dataclass(frozen=True)
class Legs:
    """Both sides of a call (s16le mono 16 kHz, from the answer on), and the holes in what the service sent: start and
    length in seconds."""

    caller: bytes
    service: bytes
    holes: tuple[tuple[float, float], ...]


class RecordingTrack:
    """Collects blocks in order, at ``rate`` Hz; ``pcm(length)`` is the leg."""

    def __init__(self, rate: int = RATE) -> None:
        self._rate = rate
        self._blocks: list[Block] = []

    def add(self, pcm: bytes, end_s: float) -> None:
        """Add audio that had ended ``end_s`` seconds from the start at the latest."""
        if pcm:
            self._blocks.append(Block(pcm, round(end_s * self._rate)))

    def __len__(self) -> int:
        return len(self._blocks)

    def holes(self) -> tuple[tuple[float, float], ...]:
        """Where nothing came for more than 40 ms: start and length in seconds."""
        found: list[tuple[float, float]] = []
        cursor: int | None = None
        for start, pcm in place(self._blocks, self._rate):
            if cursor is not None and start - cursor > HOLE_S * self._rate:
                found.append((round(cursor / self._rate, 3), round((start - cursor) / self._rate, 3)))
            cursor = start + len(pcm) // 2
        return tuple(found)

    def pcm(self, length_s: float) -> bytes:
        """The leg from the start on, exactly ``length_s`` seconds; what did not come is silence."""
        size = round(length_s * self._rate) * 2
        leg = bytearray(size)
        for start, pcm in place(self._blocks, self._rate):
            at = max(0, start * 2)
            skip = max(0, -start * 2)
            piece = pcm[skip : skip + max(0, size - at)]
            leg[at : at + len(piece)] = piece
        return bytes(leg)


def place(blocks: list[Block], rate: int = RATE) -> list[tuple[int, bytes]]:
    """Where each block starts, in samples at ``rate`` Hz (negative: before the start)."""
    latest = _latest_starts(blocks)
    placed: list[tuple[int, bytes]] = []
    cursor: int | None = None
    for block, start in zip(blocks, latest, strict=True):
        late = cursor is None or start - cursor > JITTER_S * rate
        begin = start if late or cursor is None else cursor
        placed.append((begin, block.pcm))
        cursor = begin + len(block.pcm) // 2
    return placed


def _latest_starts(blocks: list[Block]) -> list[int]:
    """Latest start of each block: its own end and all that had to follow it both respected."""
    starts: list[int] = []
    bound: int | None = None
    for block in reversed(blocks):
        end = block.end if bound is None else min(block.end, bound)
        bound = end - len(block.pcm) // 2
        starts.append(bound)
    return starts[::-1]
