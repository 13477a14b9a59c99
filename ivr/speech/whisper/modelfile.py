"""CTranslate2's ``model.bin``: read its variables, select rows of its matrices, round matrices to 8 bits.

``ModelSpec._serialize`` in CTranslate2 defines the format (``ctranslate2/specs/model_spec.py``).  All numbers are
little endian.  The file holds a version, a name and a revision, then variables, then aliases.  A variable has a name,
a rank, dimensions, a type and its values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

VERSION: Final = 6
KINDS: Final = ("<f4", "<i1", "<i2", "<i4", "<f2")
"""numpy's type for each type number in the file (``_dtype_to_type_id`` in ``model_spec.py``)."""
FLOATS: Final = (0, 4)
LARGEST: Final = 127
"""The largest 8-bit weight, and the largest sum of two neighbours: see ``in_8_bits``."""


class Variable(NamedTuple):
    """A variable in the file.

    kind: index into ``KINDS``.
    head: offset of its description, which begins with the rank.
    begin, size: offset and length of its values in bytes.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    head: int
    begin: int
    size: int


def variables(whole: bytes) -> dict[str, np.ndarray]:
    """Return all variables of a file by name, as views of ``whole``.

    whole: content of a model.bin.

    Raises ValueError when the file has another version, struct.error or IndexError when it is cut short.
    """
    return {
        found.name: np.frombuffer(whole[found.begin : found.begin + found.size], KINDS[found.kind]).reshape(
            found.shape
        )
        for found in _variables(whole)
    }


def with_rows(whole: bytes, rows: Mapping[str, Sequence[int]]) -> bytes:
    """Return the file's content with only some rows of some variables.

    whole: content of a model.bin.
    rows: for each variable to change, the rows to keep, in their new order.

    Raises as ``variables``; also ValueError when a variable is missing, and IndexError when a row is.
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
    """Return the file's content with some matrices in 8 bits, whose sums are the same on every processor.

    CTranslate2 would scale a row so that its largest weight is 127.  Without VNNI, oneDNN first adds two neighbouring
    products in 16 bits (``vpmaddubsw``), with inputs of up to 255.  Where two weights add up to more than 128, that
    sum overflows and is cut.  So a row is scaled here until two neighbours add up to at most 127, too.

    whole: content of a model.bin.
    chosen: tells by its name whether a matrix is rounded.

    Raises as ``variables``.
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
    """Return for each row its largest weight, or the largest sum of two that a processor adds first."""
    pairs = weights[:, 0::2] + weights[:, 1::2]
    largest: np.ndarray = np.maximum(np.abs(weights).max(axis=1), np.abs(pairs).max(axis=1))
    return largest


def _head(values: np.ndarray) -> bytes:
    """Return the description of a variable with these values."""
    kind = KINDS.index(values.dtype.newbyteorder("<").str.replace("|", "<"))
    return struct.pack(f"<B{values.ndim}IBI", values.ndim, *values.shape, kind, values.nbytes)


def _variables(whole: bytes) -> Iterator[Variable]:
    """Yield the variables in the order of the file."""
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
    """Return the name at this offset, and the offset after it."""
    (length,) = struct.unpack_from("<H", whole, at)
    end = at + 2 + length
    return whole[at + 2 : end].rstrip(b"\0").decode(), end
