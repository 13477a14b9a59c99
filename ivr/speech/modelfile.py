"""A CTranslate2 ``model.bin`` with other rows in one of its matrices.

The form is what ``ModelSpec._serialize`` writes (``ctranslate2/specs/model_spec.py``), little endian: version, name,
revision; variables with name, rank, dimensions, type and bytes; aliases.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

VERSION: Final = 6


def with_rows(whole: bytes, matrix: str, rows: Sequence[int]) -> bytes:
    """The file's content with these rows of that variable, in this order.

    Raises ValueError where it is of another version or has no such variable, struct.error where it is cut short.
    """
    (version,) = struct.unpack_from("<I", whole)
    if version != VERSION:
        raise ValueError(f"model.bin has version {version}, not {VERSION}")
    _, at = _name(whole, 4)
    _, variables = struct.unpack_from("<II", whole, at)
    at += 8
    for _ in range(variables):
        name, at = _name(whole, at)
        rank = whole[at]
        shape = struct.unpack_from(f"<{rank}I", whole, at + 1)
        kind, size = struct.unpack_from("<BI", whole, at + 1 + 4 * rank)
        begin = at + 6 + 4 * rank
        if name == matrix:
            chosen = np.frombuffer(whole, np.uint8, size, begin).reshape(shape[0], -1)[list(rows)]
            head = struct.pack(f"<B{rank}IBI", rank, len(rows), *shape[1:], kind, chosen.nbytes)
            return b"".join((whole[:at], head, chosen.tobytes(), whole[begin + size :]))
        at = begin + size
    raise ValueError(f"model.bin has no {matrix}")


def _name(whole: bytes, at: int) -> tuple[str, int]:
    """The name that stands there, and where it ends."""
    (length,) = struct.unpack_from("<H", whole, at)
    end = at + 2 + length
    return whole[at + 2 : end].rstrip(b"\0").decode(), end
