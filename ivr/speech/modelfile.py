"""A CTranslate2 ``model.bin`` with other rows in some of its matrices.

The form is what ``ModelSpec._serialize`` writes (``ctranslate2/specs/model_spec.py``), little endian: version, name,
revision; variables with name, rank, dimensions, type and bytes; aliases.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

VERSION: Final = 6


def with_rows(whole: bytes, rows: Mapping[str, Sequence[int]]) -> bytes:
    """The file's content with these rows of the variables named, in this order; the others as they are.

    Raises ValueError where it is of another version or lacks a variable, struct.error where it is cut short.
    """
    (version,) = struct.unpack_from("<I", whole)
    if version != VERSION:
        raise ValueError(f"model.bin has version {version}, not {VERSION}")
    _, at = _name(whole, 4)
    _, variables = struct.unpack_from("<II", whole, at)
    at += 8
    parts: list[bytes] = []
    missing, copied = set(rows), 0
    for _ in range(variables):
        name, at = _name(whole, at)
        rank = whole[at]
        shape = struct.unpack_from(f"<{rank}I", whole, at + 1)
        kind, size = struct.unpack_from("<BI", whole, at + 1 + 4 * rank)
        begin = at + 6 + 4 * rank
        if name in missing:
            missing.remove(name)
            chosen = np.frombuffer(whole, np.uint8, size, begin).reshape(shape[0], -1)[list(rows[name])]
            head = struct.pack(f"<B{rank}IBI", rank, len(chosen), *shape[1:], kind, chosen.nbytes)
            parts += (whole[copied:at], head, chosen.tobytes())
            copied = begin + size
        at = begin + size
    if missing:
        raise ValueError(f"model.bin has no {', '.join(sorted(missing))}")
    return b"".join((*parts, whole[copied:]))


def _name(whole: bytes, at: int) -> tuple[str, int]:
    """The name that stands there, and where it ends."""
    (length,) = struct.unpack_from("<H", whole, at)
    end = at + 2 + length
    return whole[at + 2 : end].rstrip(b"\0").decode(), end
