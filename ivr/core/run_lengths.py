"""Pairs of numbers as the text that events hold: ``12+3,9+1``.

Two fields of events use it in two ways.  Runs of frames: the first frame and how many follow each other (``gaps``,
``prompt``).  Counts: a sequence number and how many frames belong to it (``RecordingKept.ear``).  Stored events have
these texts, so the format stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def write_runs(numbers: Iterable[int]) -> str:
    """Write rising numbers as runs: 3, 4, 5, 9 are ``3+3,9+1``."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        first, length = found[-1] if found else (number, 0)
        if number == first + length:
            found[-1:] = [(first, length + 1)]
        else:
            found.append((number, 1))
    return _write(found)


def read_runs(text: str) -> frozenset[int]:
    """Return the numbers of runs: ``3+3,9+1`` are 3, 4, 5 and 9.  Raises ValueError for another format."""
    return frozenset(number for first, length in _read(text) for number in range(first, first + length))


def write_counts(counts: Mapping[int, int]) -> str:
    """Write a count for each number: {12: 3, 9: 1} is ``12+3,9+1``."""
    return _write(counts.items())


def read_counts(text: str) -> dict[int, int]:
    """Return the counts that ``write_counts`` wrote, in their order.  Raises ValueError for another format."""
    return dict(_read(text))


def _write(pairs: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{first}+{second}" for first, second in pairs)


def _read(text: str) -> Iterator[tuple[int, int]]:
    for pair in filter(None, text.split(",")):
        first, _, second = pair.partition("+")
        yield int(first), int(second)
