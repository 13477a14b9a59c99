"""Whisper with the tokens that the service needs, and without the others.

At each step of a decode Whisper weighs all of its 51,865 tokens, pieces of words in a hundred languages.  That is as
much work as the rest of the step.  These tokens stay:

- the tokens of ``voices/whisper-tokens.txt``, which make up most of what callers say,
- the tokens of all words in the questions, answers and hot words,
- the tokens from which these are joined,
- the 256 bytes, which can spell every other word,
- the special tokens, except for the time stamps.

Measurements: docs/whisper.md.
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
"""One token in each line, as tokenizer.json writes it.  A line with a space is a comment."""
WRITTEN: Final = ("nlu/faq/*.yml", "nlu/hotwords.yml")
"""The files whose words callers say."""
WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")
BYTES: Final = 256
"""The first tokens are the single bytes."""
END: Final = "<|endoftext|>"
EMPTY: Final = ""
"""A token without text.  CTranslate2 recognises a multilingual model by it."""
FIRST_TIME: Final = "<|0.00|>"
"""The first time stamp.  Time stamps follow the other special tokens, and CTranslate2 requires one."""
ROWS: Final = "decoder/embeddings/weight"
"""The matrix with one row for each token.  The projection onto the vocabulary uses the same matrix."""


def reduced(model: Path, root: Path, rows: Mapping[str, Sequence[int]] | None = None) -> dict[str, bytes]:
    """Return the files of a Whisper model, by name, with the needed tokens only, as ``WhisperModel`` takes them.

    Takes half a second and, for a moment, twice the memory of the model.

    model: folder of the model in CTranslate2's form.
    root: folder of the checkout, with ``TOKENS`` and ``WRITTEN``.
    rows: rows of other matrices to keep, as ``with_rows`` takes them.

    Raises OSError, ValueError, KeyError, IndexError or struct.error when the files have another form.
    """
    spelling = mended(json.loads((model / "tokenizer.json").read_bytes()))
    names = (model / "vocabulary.txt").read_text("utf-8").splitlines()
    kept = _kept(spelling, names, chain(listed(root), _written(spelling, root)))
    new_numbers = {token: place for place, token in enumerate(kept)}
    return {
        "model.bin": with_rows((model / "model.bin").read_bytes(), {ROWS: kept, **(rows or {})}),
        "vocabulary.txt": "".join(f"{names[token]}\n" for token in kept).encode(),
        "config.json": _config_file(json.loads((model / "config.json").read_bytes()), new_numbers),
        "tokenizer.json": _tokenizer_file(spelling, new_numbers),
    }


def listed(root: Path) -> list[str]:
    """Return the tokens of the file ``TOKENS`` below ``root``."""
    return [line for line in (root / TOKENS).read_text("utf-8").splitlines() if line and " " not in line]


def mended(spelling: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a tokenizer.json with its first join.

    Converted files lack it, and spell " tour" as " ", "t", "our".
    """
    model = spelling["model"]
    joins = [tuple(join.split(" ")) if isinstance(join, str) else tuple(join) for join in model["merges"]]
    if ("Ġ", "t") not in joins:
        joins.insert(0, ("Ġ", "t"))
    return spelling | {"model": model | {"merges": [list(join) for join in joins]}}


def spelled(spelling: Mapping[str, Any], words: Iterable[str]) -> Iterator[list[str]]:
    """Yield the tokens of each word.

    spelling: content of a tokenizer.json.
    words: words or texts, with a space in front where one belongs there.
    """
    tokenizer = Tokenizer.from_str(json.dumps(spelling))
    for found in tokenizer.encode_batch(list(words), add_special_tokens=False):
        yield found.tokens


def _written(spelling: Mapping[str, Any], root: Path) -> Iterator[str]:
    """Yield the tokens of the words in ``WRITTEN``, as inside a sentence and as at its beginning."""
    files = [path for pattern in WRITTEN for path in sorted(root.glob(pattern))]
    words = {word for path in files for word in WORD.findall(path.read_text("utf-8"))}
    forms = {form for word in words for form in (f" {word}", f" {word.capitalize()}")}
    return chain.from_iterable(spelled(spelling, sorted(forms)))


def _kept(spelling: Mapping[str, Any], names: Sequence[str], wanted: Iterable[str]) -> list[int]:
    """Return the numbers of the tokens that stay, rising."""
    numbers: Mapping[str, int] = spelling["model"]["vocab"]
    joined_from = {first + second: (first, second) for first, second in spelling["model"]["merges"]}
    kept: set[int] = set(range(BYTES))
    pending = list(wanted)
    while pending:
        token = pending.pop()
        if numbers[token] not in kept:
            kept.add(numbers[token])
            pending += joined_from.get(token, ())
    special = range(names.index(END), names.index(FIRST_TIME) + 1)
    return sorted(kept | set(special) | {names.index(EMPTY)})


def _tokenizer_file(spelling: Mapping[str, Any], new_numbers: Mapping[int, int]) -> bytes:
    """Return a tokenizer.json with these tokens under their new numbers, and the joins between them."""
    model = spelling["model"]
    remaining = {
        name: new_numbers[number] for name, number in model["vocab"].items() if number in new_numbers
    }
    joins = [join for join in model["merges"] if remaining.keys() >= {*join, "".join(join)}]
    special = [
        token | {"id": new_numbers[token["id"]]}
        for token in spelling["added_tokens"]
        if token["id"] in new_numbers
    ]
    fewer = {"model": model | {"vocab": remaining, "merges": joins}, "added_tokens": special}
    return json.dumps({**spelling, **fewer}).encode()


def _config_file(config: dict[str, Any], new_numbers: Mapping[int, int]) -> bytes:
    """Return a config.json with new numbers for languages and for tokens that are never said."""
    lists = ("lang_ids", "suppress_ids", "suppress_ids_begin")
    return json.dumps(
        config
        | {name: [new_numbers[token] for token in config[name] if token in new_numbers] for name in lists}
    ).encode()
