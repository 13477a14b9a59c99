"""Content versions: numbered, immutable copies of the content, as it was published.

The folder of a version holds ``dialplans/``, ``nlu/`` and ``voices/``, and ``manifest.json``.  The file ``current``
holds the number of the version in use.  While none is published, the checkout is in use.
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
    """A published version.  ``at``: seconds since 1970; ``facts``: what was measured on publishing."""

    number: int
    at: float
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def folder(settings: Settings) -> Path:
    """Return the folder of all versions."""
    return settings.state_dir.content_versions


def path(settings: Settings, number: int) -> Path:
    """Return the folder of the version ``number``."""
    return folder(settings) / str(number)


def current(settings: Settings) -> int:
    """Return the number of the version in use; 0 while none is published."""
    pointer = settings.state_dir.current_version
    return int(pointer.read_text("utf-8")) if pointer.exists() else 0


def root(settings: Settings) -> Path:
    """Return the root of the content in use: the current version, or the checkout."""
    number = current(settings)
    return path(settings, number) if number else settings.root


def number_of(root: Path) -> int:
    """Return the number of the version whose folder is ``root``; 0 for the checkout."""
    return int(root.name) if root.parent.name == "generations" and root.name.isdecimal() else 0


def listed(settings: Settings) -> list[ContentVersion]:
    """Return all versions, oldest first."""
    found = [
        ContentVersion(**json.loads(item.read_text("utf-8")))
        for item in folder(settings).glob("*/manifest.json")
    ]
    return sorted(found, key=lambda generation: generation.number)


def models(var: Path) -> set[str]:
    """Return the file names of the models of all versions, of all instances below ``var``."""
    manifests = (item.read_text("utf-8") for item in var.glob("state/*/generations/*/manifest.json"))
    return {str(json.loads(text)["facts"].get("model", "")) for text in manifests}


def snapshot(settings: Settings) -> tuple[int, Path]:
    """Copy the content of the checkout; return the number of the future version and the folder of the copy.

    Later edits do not change the copy.
    """
    number = max([0, *(generation.number for generation in listed(settings))]) + 1
    draft = folder(settings) / f"{number}.partial"
    shutil.rmtree(draft, ignore_errors=True)
    for name in FOLDERS:
        shutil.copytree(settings.root / name, draft / name)
    return number, draft


def keep(settings: Settings, number: int, draft: Path, note: str, facts: Mapping[str, Any]) -> ContentVersion:
    """Make the snapshot ``draft`` the version ``number``; it is not in use yet.  ``facts`` go into its manifest."""
    generation = ContentVersion(number, time.time(), note, facts)
    (draft / "manifest.json").write_text(json.dumps(asdict(generation), indent=1), "utf-8")
    draft.rename(path(settings, number))
    return generation


def switch(settings: Settings, number: int) -> bool:
    """Use version ``number`` (0: the checkout) from the next call on.

    Returns whether a running service was notified.  Raises UsageError when there is no such version.
    """
    point(settings, number)
    return tell(settings)


def point(settings: Settings, number: int) -> None:
    """Make version ``number`` (0: the checkout) the current one without notifying the service; raises UsageError."""
    if number and not path(settings, number).is_dir():
        raise UsageError(f"no generation {number}: see `ivr content list`")
    folder(settings).mkdir(parents=True, exist_ok=True)
    draft = settings.state_dir.current_version.with_name("current.tmp")
    draft.write_text(str(number), "utf-8")
    draft.replace(settings.state_dir.current_version)


def pid_file(settings: Settings) -> Path:
    """Return the file that holds the process id of a running service."""
    return settings.state_dir.pid_file


def tell(settings: Settings) -> bool:
    """Send SIGHUP to the running service, which then reads ``current``; return whether there is one."""
    try:
        os.kill(int(pid_file(settings).read_text("utf-8")), signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True
