"""A CTranslate2 ``model.bin``: its variables, and the same with other rows in some of its matrices, or in 8 bits.

The form is what ``ModelSpec._serialize`` writes (``ctranslate2/specs/model_spec.py``), little endian: version, name,
revision; variables with name, rank, dimensions, type and bytes; aliases.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

VERSION: Final = 6


KINDS: Final = ("<f4", "<i1", "<i2", "<i4", "<f2")
"""Types of a variable, by their number (``ctranslate2/specs/model_spec.py``, ``_dtype_to_type_id``)."""
FLOATS: Final = (0, 4)
LARGEST: Final = 127
"""The largest weight of 8 bits, and the largest sum of two neighbours: see ``in_8_bits``."""


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


def in_8_bits(whole: bytes, chosen: Callable[[str], bool]) -> bytes:
    """The file's content with the matrices chosen by name in 8 bits, with which every processor finds the same sums.

    CTranslate2 would take the largest weight of a row for 127.  Where a processor has no VNNI, oneDNN adds the
    products of two neighbours in 16 bits first (``vpmaddubsw``), with inputs of up to 255: where two weights make
    more than 128 together, that overflows, and the sum is cut.  So here two neighbours make 127 at most, too.

    Raises as ``with_rows``.
    """
    parts: list[bytes] = []
    more, copied = 0, 0
    for found in _variables(whole):
        if not chosen(found.name) or found.kind not in FLOATS or len(found.shape) != 2:
            continue
        weights = np.frombuffer(whole[found.begin : found.begin + found.size], KINDS[found.kind])
        weights = weights.reshape(found.shape).astype(np.float32)
        scale = LARGEST / np.maximum(_largest(weights), np.finfo(np.float32).tiny)
        rounded = np.rint(weights * scale[:, None]).astype(np.int8)
        parts += (whole[copied : found.head], _head(rounded), rounded.tobytes())
        name = f"{found.name}_scale".encode() + b"\0"
        parts += (struct.pack("<H", len(name)), name, _head(scale), scale.tobytes())
        more, copied = more + 1, found.begin + found.size
    changed = bytearray(b"".join((*parts, whole[copied:])))
    _, at = _name(whole, 4)
    (count,) = struct.unpack_from("<I", whole, at + 4)
    struct.pack_into("<I", changed, at + 4, count + more)
    return bytes(changed)


def _largest(weights: np.ndarray) -> np.ndarray:
    """Of each row: its largest weight, or sum of the two that a processor adds first."""
    pairs = weights[:, 0::2] + weights[:, 1::2]
    largest: np.ndarray = np.maximum(np.abs(weights).max(axis=1), np.abs(pairs).max(axis=1))
    return largest


def _head(values: np.ndarray) -> bytes:
    """The description of a variable."""
    kind = KINDS.index(values.dtype.newbyteorder("<").str.replace("|", "<"))
    return struct.pack(f"<B{values.ndim}IBI", values.ndim, *values.shape, kind, values.nbytes)


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
