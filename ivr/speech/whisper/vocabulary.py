"""Whisper without the tokens that nobody needs here.

At each step of a decode Whisper weighs all of its 51,865 tokens, pieces of words in a hundred languages, and that is
as much work as all else in a step.  What stays: the tokens of ``voices/whisper-tokens.txt`` (most of what is said in
our languages), those of the words that the office writes, what these are joined from, the 256 bytes, of which every
word can be made, and the special ones but for the time stamps.  Measurements: docs/speech.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from ivr.speech.whisper.modelfile import with_rows

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
ROWS: Final = "decoder/embeddings/weight"
"""A row a token; the projection at the end of a step is the same matrix."""


def reduced(model: Path, root: Path, rows: Mapping[str, Sequence[int]] | None = None) -> dict[str, bytes]:
    """The files of a Whisper model in CTranslate2's form, with the tokens that are needed, as ``WhisperModel`` takes
    them; ``rows``: those of other matrices, as ``with_rows`` takes them.

    Takes half a second and, for a moment, twice the size of the model.  Raises OSError, ValueError, KeyError or
    struct.error where the files are of another form.
    """
    spelling = mended(json.loads((model / "tokenizer.json").read_bytes()))
    names = (model / "vocabulary.txt").read_text("utf-8").splitlines()
    kept = _kept(spelling, names, chain(listed(root), _written(spelling, root)))
    anew = {token: place for place, token in enumerate(kept)}
    return {
        "model.bin": with_rows((model / "model.bin").read_bytes(), {ROWS: kept, **(rows or {})}),
        "vocabulary.txt": "".join(f"{names[token]}\n" for token in kept).encode(),
        "config.json": _numbered_anew(json.loads((model / "config.json").read_bytes()), anew),
        "tokenizer.json": _spelling_of(spelling, anew),
    }


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
