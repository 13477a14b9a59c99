"""Published content: numbered, immutable copies of what administrators edit.

``generations/<n>/`` in the state folder holds ``dialplans/``, ``nlu/`` and ``voices/`` as they were published, and
``manifest.json``; the file ``current`` names the one in use.  While none is published, the checkout itself is
used.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ivr.content.bundle import FOLDERS
from ivr.core.errors import UsageError
from ivr.core.settings import Settings


@dataclass(frozen=True)
class ContentVersion:
    """One published state.  ``at``: seconds since 1970; ``facts``: what was measured on publishing."""

    number: int
    at: float
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def folder(settings: Settings) -> Path:
    """Where generations lie."""
    return settings.state_dir.content_versions


def path(settings: Settings, number: int) -> Path:
    """One generation's copy of the content."""
    return folder(settings) / str(number)


def current(settings: Settings) -> int:
    """Number of the generation in use; 0 while none is published."""
    pointer = settings.state_dir.current_version
    return int(pointer.read_text("utf-8")) if pointer.exists() else 0


def root(settings: Settings) -> Path:
    """Root of the content in use: the current generation, or the checkout."""
    number = current(settings)
    return path(settings, number) if number else settings.root


def number_of(root: Path) -> int:
    """Number of the generation whose content lies in ``root``; 0 for the checkout."""
    return int(root.name) if root.parent.name == "generations" and root.name.isdecimal() else 0


def listed(settings: Settings) -> list[ContentVersion]:
    """All generations, oldest first."""
    found = [
        ContentVersion(**json.loads(item.read_text("utf-8")))
        for item in folder(settings).glob("*/manifest.json")
    ]
    return sorted(found, key=lambda generation: generation.number)


def models(var: Path) -> set[str]:
    """File names of the models that generations of any instance were published with."""
    manifests = (item.read_text("utf-8") for item in var.glob("state/*/generations/*/manifest.json"))
    return {str(json.loads(text)["facts"].get("model", "")) for text in manifests}


def snapshot(settings: Settings) -> tuple[int, Path]:
    """Copy what is edited now to a place of its own; returns the number it will have and the copy.

    Editing may go on meanwhile and afterwards.
    """
    number = max([0, *(generation.number for generation in listed(settings))]) + 1
    draft = folder(settings) / f"{number}.partial"
    shutil.rmtree(draft, ignore_errors=True)
    for name in FOLDERS:
        shutil.copytree(settings.root / name, draft / name)
    return number, draft


def keep(settings: Settings, number: int, draft: Path, note: str, facts: Mapping[str, Any]) -> ContentVersion:
    """Make a checked snapshot a generation; it is not in use yet."""
    generation = ContentVersion(number, time.time(), note, facts)
    (draft / "manifest.json").write_text(json.dumps(asdict(generation), indent=1), "utf-8")
    draft.rename(path(settings, number))
    return generation


def switch(settings: Settings, number: int) -> bool:
    """Use generation ``number`` (0: the checkout) from the next call on.

    Returns whether a running service was told.  Raises UsageError when there is no such generation.
    """
    point(settings, number)
    return tell(settings)


def point(settings: Settings, number: int) -> None:
    """Make generation ``number`` (0: the checkout) the current one, and tell nobody; raises UsageError."""
    if number and not path(settings, number).is_dir():
        raise UsageError(f"no generation {number}: see `ivr content list`")
    folder(settings).mkdir(parents=True, exist_ok=True)
    draft = settings.state_dir.current_version.with_name("current.tmp")
    draft.write_text(str(number), "utf-8")
    draft.replace(settings.state_dir.current_version)


def pid_file(settings: Settings) -> Path:
    """Where a running service leaves its process id."""
    return settings.state_dir.pid_file


def tell(settings: Settings) -> bool:
    """Tell the running service, if there is one, to look at ``current`` again."""
    try:
        os.kill(int(pid_file(settings).read_text("utf-8")), signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True
