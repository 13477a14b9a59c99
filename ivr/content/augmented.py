"""``nlu/heard/<lang>.tsv``: examples as a recogniser hears them over the telephone.

`ivr content hear` writes the files.  A line counts only while its sentence is still an example of its intent, so that
examples can be changed and moved without editing these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ivr.content.faq import Faq
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Finding, text_of

FOLDER = Path("nlu/heard")


@dataclass(frozen=True)
class Misheard:
    """One line of a file.

    heard: what the recogniser returned.
    intent: the intent of the example.
    said: the example.
    voice: the voice that spoke it.
    noise_db: the ratio of signal to noise in dB; empty: without noise.
    """

    heard: str
    intent: str
    said: str
    voice: str
    noise_db: str


HEADER = "\t".join(field.name for field in fields(Misheard))


def read(root: Path, lang: str) -> list[Misheard]:
    """Return the lines of a language, none if the file is missing; raises ValueError for a malformed line."""
    path = root / FOLDER / f"{lang}.tsv"
    content = text_of(path, str(path)) if path.exists() else ""
    if isinstance(content, Finding):
        raise ValueError(str(content))
    lines = content.splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if line.count("\t") != HEADER.count("\t")]
    if wrong:
        raise ValueError(f"{path}:{wrong[0]}: not a line of `ivr content hear`: run it again")
    return [Misheard(*line.split("\t")) for line in lines if line != HEADER]


def write(root: Path, lang: str, rows: Iterable[Misheard]) -> Path:
    """Write the file of a language, ordered by intent and example; return its path."""
    path = root / FOLDER / f"{lang}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(rows, key=lambda row: (row.intent, row.said, row.heard))
    path.write_text("\n".join([HEADER, *("\t".join(astuple(row)) for row in ordered)]) + "\n", "utf-8")
    return path


def examples(root: Path, faq: Faq) -> Iterator[tuple[str, str, str]]:
    """Yield (language, intent, heard) of the lines that still count."""
    for lang in LANGUAGES:
        known = set(faq.examples(lang))
        for row in read(root, lang):
            if (row.intent, row.said) in known:
                yield lang, row.intent, row.heard
