"""A CTranslate2 ``model.bin``: its variables, and the same with other rows in some of its matrices.

The form is what ``ModelSpec._serialize`` writes (``ctranslate2/specs/model_spec.py``), little endian: version, name,
revision; variables with name, rank, dimensions, type and bytes; aliases.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

VERSION: Final = 6


KINDS: Final = ("<f4", "<i1", "<i2", "<i4", "<f2")
"""Types of a variable, by their number (``ctranslate2/specs/model_spec.py``, ``_dtype_to_type_id``)."""


class Variable(NamedTuple):
    """A variable of the file: at ``head`` its description begins (its rank), at ``begin`` its values."""

    name: str
    shape: tuple[int, ...]
    kind: int
    head: int
    begin: int
    size: int


def variables(whole: bytes) -> dict[str, np.ndarray]:
    """All variables of the file, as they stand there.  Raises as ``with_rows``."""
    return {
        found.name: np.frombuffer(whole[found.begin : found.begin + found.size], KINDS[found.kind]).reshape(
            found.shape
        )
        for found in _variables(whole)
    }


def with_rows(whole: bytes, rows: Mapping[str, Sequence[int]]) -> bytes:
    """The file's content with these rows of the variables named, in this order; the others as they are.

    Raises ValueError where it is of another version or lacks a variable, struct.error where it is cut short.
    """
    parts: list[bytes] = []
    missing, copied = set(rows), 0
    for found in _variables(whole):
        if found.name in missing:
            missing.remove(found.name)
            values = np.frombuffer(whole, np.uint8, found.size, found.begin).reshape(found.shape[0], -1)
            chosen = values[list(rows[found.name])]
            rank = len(found.shape)
            head = struct.pack(f"<B{rank}IBI", rank, len(chosen), *found.shape[1:], found.kind, chosen.nbytes)
            parts += (whole[copied : found.head], head, chosen.tobytes())
            copied = found.begin + found.size
    if missing:
        raise ValueError(f"model.bin has no {', '.join(sorted(missing))}")
    return b"".join((*parts, whole[copied:]))


def _variables(whole: bytes) -> Iterator[Variable]:
    """Its variables in their order."""
    (version,) = struct.unpack_from("<I", whole)
    if version != VERSION:
        raise ValueError(f"model.bin has version {version}, not {VERSION}")
    _, at = _name(whole, 4)
    _, count = struct.unpack_from("<II", whole, at)
    at += 8
    for _ in range(count):
        name, head = _name(whole, at)
        rank = whole[head]
        shape = struct.unpack_from(f"<{rank}I", whole, head + 1)
        kind, size = struct.unpack_from("<BI", whole, head + 1 + 4 * rank)
        begin = head + 6 + 4 * rank
        yield Variable(name, shape, kind, head, begin, size)
        at = begin + size


def _name(whole: bytes, at: int) -> tuple[str, int]:
    """The name that stands there, and where it ends."""
    (length,) = struct.unpack_from("<H", whole, at)
    end = at + 2 + length
    return whole[at + 2 : end].rstrip(b"\0").decode(), end
