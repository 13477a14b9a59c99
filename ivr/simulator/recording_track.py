"""Builds one leg of a recording from audio blocks and the times by which they had arrived.  No input or output.

Arrival times are late when this process reads late, but never early.  After a late read the next blocks follow at
once.  After real silence, when nothing was sent, the next block stands alone.  So the place of each block is
computed backwards from the blocks that follow it, and only the remaining gaps are silence.

A sender that falls behind and catches up looks like late reading.  Then a block may be placed earlier than it was
heard, by the time that was caught up.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.core.audio import RATE

JITTER_S = 0.02
"""A block that is at most this late continues the previous block without a gap."""
HOLE_S = 0.04
"""Two missing frames.  Shorter gaps are normal jitter of the telephone network."""


@dataclass(frozen=True)
class Block:
    """Audio (s16le mono), and the latest possible time of its end in samples from the start."""

    pcm: bytes
    end: int


@dataclass(frozen=True)
class Legs:
    """Both sides of a call since the answer, s16le mono 16 kHz.

    ``holes`` are the gaps in what the service sent: start and length in seconds.
    """

    caller: bytes
    service: bytes
    holes: tuple[tuple[float, float], ...]


class RecordingTrack:
    """Collects the blocks of one leg in order; ``rate`` is the sampling rate in Hz."""

    def __init__(self, rate: int = RATE) -> None:
        self._rate = rate
        self._blocks: list[Block] = []

    def add(self, pcm: bytes, end_s: float) -> None:
        """Add ``pcm`` (s16le mono), which ended at the latest ``end_s`` seconds after the start."""
        if pcm:
            self._blocks.append(Block(pcm, round(end_s * self._rate)))

    def __len__(self) -> int:
        return len(self._blocks)

    def holes(self) -> tuple[tuple[float, float], ...]:
        """Gaps longer than 40 ms: start and length of each in seconds."""
        found: list[tuple[float, float]] = []
        cursor: int | None = None
        for start, pcm in place_blocks(self._blocks, self._rate):
            if cursor is not None and start - cursor > HOLE_S * self._rate:
                found.append((round(cursor / self._rate, 3), round((start - cursor) / self._rate, 3)))
            cursor = start + len(pcm) // 2
        return tuple(found)

    def pcm(self, length_s: float) -> bytes:
        """The first ``length_s`` seconds of the leg (s16le mono), with silence where nothing arrived."""
        size = round(length_s * self._rate) * 2
        leg = bytearray(size)
        for start, pcm in place_blocks(self._blocks, self._rate):
            at = max(0, start * 2)
            skip = max(0, -start * 2)
            visible = pcm[skip : skip + max(0, size - at)]
            leg[at : at + len(visible)] = visible
        return bytes(leg)


def place_blocks(blocks: list[Block], rate: int = RATE) -> list[tuple[int, bytes]]:
    """Compute where each block starts.

    blocks: in the order of arrival.
    rate: sampling rate in Hz.
    Returns each block's first sample (negative: before the start) and its audio.
    """
    placed: list[tuple[int, bytes]] = []
    cursor: int | None = None
    for block, latest in zip(blocks, _latest_starts(blocks), strict=True):
        late = cursor is None or latest - cursor > JITTER_S * rate
        start = latest if late or cursor is None else cursor
        placed.append((start, block.pcm))
        cursor = start + len(block.pcm) // 2
    return placed


def _latest_starts(blocks: list[Block]) -> list[int]:
    """Latest start of each block that respects its own end and all blocks after it."""
    starts: list[int] = []
    bound: int | None = None
    for block in reversed(blocks):
        end = block.end if bound is None else min(block.end, bound)
        bound = end - len(block.pcm) // 2
        starts.append(bound)
    return starts[::-1]
