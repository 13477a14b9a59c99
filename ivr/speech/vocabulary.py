"""Whisper without the tokens that nobody needs here.

At each step of a decode Whisper weighs all of its 51,865 tokens, pieces of words in a hundred languages, and that is
as much work as all else in a step.  What stays: the tokens of ``voices/whisper-tokens.txt`` (most of what is said in
our languages), those of the words that the office writes, what these are joined from, the 256 bytes, of which every
word can be made, and the special ones but for the time stamps.  Measurements: docs/speech.md.

A ``model.bin`` is what CTranslate2's ``ModelSpec._serialize`` writes (``ctranslate2/specs/model_spec.py``), little
endian: version, name, revision; variables with name, rank, dimensions, type and bytes; aliases.
"""

from __future__ import annotations

import json
import logging
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

log = logging.getLogger(__name__)

TOKENS: Final = Path("voices/whisper-tokens.txt")
"""One token a line, as tokenizer.json writes it; what holds a space is a remark."""
WRITTEN: Final = ("nlu/faq/*.yml", "nlu/hotwords.yml")
"""What the office writes and callers say."""
WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")
BYTES: Final = 256
"""The first tokens are the single bytes."""
END: Final = "<|endoftext|>"
EMPTY: Final = ""
"""A token without text, by which CTranslate2 knows a model of several languages."""
FIRST_TIME: Final = "<|0.00|>"
"""The special tokens, from END on, end with the time stamps; CTranslate2 wants to see one."""
VERSION: Final = 6
ROWS: Final = "decoder/embeddings/weight"
"""A row a token; the projection at the end of a step is the same matrix."""


def reduced(model: Path, root: Path) -> dict[str, bytes] | None:
    """The files of a Whisper model in CTranslate2's form, with the tokens that are needed, as ``WhisperModel`` takes
    them; None, said aloud, where they cannot be made: then the model as it is will do.

    Takes half a second and, for a moment, twice the size of the model.
    """
    try:
        spelling = mended(json.loads((model / "tokenizer.json").read_bytes()))
        names = (model / "vocabulary.txt").read_text("utf-8").splitlines()
        kept = _kept(spelling, names, chain(listed(root), _written(spelling, root)))
        anew = {token: place for place, token in enumerate(kept)}
        return {
            "model.bin": _with_rows(model / "model.bin", kept),
            "vocabulary.txt": "".join(f"{names[token]}\n" for token in kept).encode(),
            "config.json": _numbered_anew(json.loads((model / "config.json").read_bytes()), anew),
            "tokenizer.json": _spelling_of(spelling, anew),
        }
    except (OSError, ValueError, KeyError, struct.error) as error:
        log.warning("Whisper keeps its whole vocabulary, and is slower: %s", error)
        return None


def listed(root: Path) -> list[str]:
    """The tokens of ``TOKENS``."""
    return [line for line in (root / TOKENS).read_text("utf-8").splitlines() if line and " " not in line]


def mended(spelling: dict[str, Any]) -> dict[str, Any]:
    """A tokenizer.json whose first join is there: converted files lack it, and spell " tour" as " ", "t", "our"."""
    model = spelling["model"]
    joins = [tuple(join.split(" ")) if isinstance(join, str) else tuple(join) for join in model["merges"]]
    if ("Ġ", "t") not in joins:
        joins.insert(0, ("Ġ", "t"))
    return spelling | {"model": model | {"merges": [list(join) for join in joins]}}


def spelled(spelling: Mapping[str, Any], words: Iterable[str]) -> Iterator[list[str]]:
    """The tokens of each word."""
    tokenizer = Tokenizer.from_str(json.dumps(spelling))
    for found in tokenizer.encode_batch(list(words), add_special_tokens=False):
        yield found.tokens


def _written(spelling: Mapping[str, Any], root: Path) -> Iterator[str]:
    """The tokens of the words that the office writes, as they stand inside a sentence and at its beginning."""
    files = [path for pattern in WRITTEN for path in sorted(root.glob(pattern))]
    words = {word for path in files for word in WORD.findall(path.read_text("utf-8"))}
    forms = {form for word in words for form in (f" {word}", f" {word.capitalize()}")}
    return chain.from_iterable(spelled(spelling, sorted(forms)))


def _kept(spelling: Mapping[str, Any], names: Sequence[str], wanted: Iterable[str]) -> list[int]:
    """The numbers of the tokens that stay, rising."""
    numbers: Mapping[str, int] = spelling["model"]["vocab"]
    made_of = {first + second: (first, second) for first, second in spelling["model"]["merges"]}
    kept: set[int] = set(range(BYTES))
    ahead = list(wanted)
    while ahead:
        token = ahead.pop()
        if numbers[token] not in kept:
            kept.add(numbers[token])
            ahead += made_of.get(token, ())
    special = range(names.index(END), names.index(FIRST_TIME) + 1)
    return sorted(kept | set(special) | {names.index(EMPTY)})


def _spelling_of(spelling: Mapping[str, Any], anew: Mapping[int, int]) -> bytes:
    """tokenizer.json with these tokens, by their new numbers, and the joins between them."""
    model = spelling["model"]
    left = {name: anew[number] for name, number in model["vocab"].items() if number in anew}
    joins = [join for join in model["merges"] if left.keys() >= {*join, "".join(join)}]
    special = [token | {"id": anew[token["id"]]} for token in spelling["added_tokens"] if token["id"] in anew]
    fewer = {"model": model | {"vocab": left, "merges": joins}, "added_tokens": special}
    return json.dumps({**spelling, **fewer}).encode()


def _numbered_anew(config: dict[str, Any], anew: Mapping[int, int]) -> bytes:
    """config.json, which names tokens by number: languages, and what is never said."""
    lists = ("lang_ids", "suppress_ids", "suppress_ids_begin")
    return json.dumps(
        config | {name: [anew[token] for token in config[name] if token in anew] for name in lists}
    ).encode()


def _with_rows(file: Path, kept: Sequence[int]) -> bytes:
    """model.bin with these rows of ``ROWS``; raises ValueError where it is of another version."""
    whole = file.read_bytes()
    (version,) = struct.unpack_from("<I", whole)
    if version != VERSION:
        raise ValueError(f"{file} has version {version}, not {VERSION}")
    _, at = _name(whole, 4)
    _, variables = struct.unpack_from("<II", whole, at)
    at += 8
    for _ in range(variables):
        name, at = _name(whole, at)
        rank = whole[at]
        shape = struct.unpack_from(f"<{rank}I", whole, at + 1)
        kind, size = struct.unpack_from("<BI", whole, at + 1 + 4 * rank)
        begin = at + 6 + 4 * rank
        if name == ROWS:
            rows = np.frombuffer(whole, np.uint8, size, begin).reshape(shape[0], -1)[kept]
            head = struct.pack(f"<B{rank}IBI", rank, len(kept), *shape[1:], kind, rows.nbytes)
            return b"".join((whole[:at], head, rows.tobytes(), whole[begin + size :]))
        at = begin + size
    raise ValueError(f"{file} has no {ROWS}")


def _name(whole: bytes, at: int) -> tuple[str, int]:
    """The name that stands there, and where it ends."""
    (length,) = struct.unpack_from("<H", whole, at)
    end = at + 2 + length
    return whole[at + 2 : end].rstrip(b"\0").decode(), end
