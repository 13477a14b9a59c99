"""The files below the content's folders: whether each can be read, and which of them nobody reads."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from ivr.content.bundle import FOLDERS
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Finding, Severity, text_of

READ: Final = (
    "dialplans/callflow.yml",
    "dialplans/asterisk/*.conf",
    "dialplans/asterisk/phone/*.conf",
    "dialplans/fail2ban/*/*.conf",
    "nlu/faq/*.yml",
    "nlu/emergency.yml",
    "nlu/hotwords.yml",
    "nlu/languages.yml",
    "nlu/urgency.yml",
    "nlu/config.yml",
    "nlu/rasa*.lock",
    "nlu/accueil_rasa/*.py",
    *(f"nlu/heard/{lang}.tsv" for lang in LANGUAGES),
    *(f"nlu/heldout/{name}{lang}.tsv" for lang in LANGUAGES for name in ("", "blind-")),
    "voices/names.txt",
    "voices/unclear.txt",
    "voices/whisper-tokens.txt",
    "voices/models.yml",
    "voices/models.lock",
    *(f"voices/{folder}/{lang}.yml" for lang in LANGUAGES for folder in ("phrases", "say")),
)
"""Patterns of the files that the program reads."""
NO_CONTENT: Final = ("__pycache__", ".gitkeep", ".gitignore", ".DS_Store")


def findings(root: Path) -> Iterator[Finding]:
    """Yield a finding for each file below ``root`` that cannot be read, and a warning for each that nobody reads."""
    for folder in FOLDERS:
        if not (root / folder).is_dir():
            yield Finding(
                folder, 1, 1, "the folder is missing", "put it back, for example from the last commit"
            )
            continue
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root)
            if not set(name.parts) & set(NO_CONTENT):
                yield from _of(path, name)


def _of(path: Path, name: Path) -> Iterator[Finding]:
    if any(_fits(name, pattern) for pattern in READ):
        problem = text_of(path, str(name))
        if isinstance(problem, Finding):
            yield problem
    elif not path.is_dir() or path.is_symlink():
        hint = f"name it like {_nearest(name)}, or take it away"
        yield Finding(str(name), 1, 1, "nobody reads this file", hint, Severity.WARNING)


def _fits(name: Path, pattern: str) -> bool:
    parts, wanted = name.parts, pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _nearest(name: Path) -> str:
    """The pattern of the files that are read from the same folder, else from the same top folder."""
    inside = [pattern for pattern in READ if str(Path(pattern).parent) == str(name.parent)]
    around = [pattern for pattern in READ if pattern.startswith(f"{name.parts[0]}/")]
    return (inside or around)[0]
