"""Content versions: numbered, immutable copies of the content, as it was published.

The folder of a version holds ``dialplans/``, ``nlu/`` and ``voices/``, and ``manifest.json`` with a checksum of each
file.  The file ``current`` holds the number of the version in use.  While none is published, the checkout is in use.

A loss of power at any moment leaves ``current`` and every listed version whole: a version is filled and synchronised
to the disk under another name, and renamed; ``current`` is replaced in one step.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ivr.content.bundle import FOLDERS
from ivr.content.published import MANIFEST
from ivr.core.errors import ConfigError, UsageError
from ivr.core.files import is_regular, sha256_of, sync, write_durably
from ivr.core.periodic import file_lock
from ivr.core.settings import Settings
from ivr.core.yamlfile import LARGEST_BYTES, text_of

LAST_DRAFT: Final = 0
"""Number of the folder that holds the checkout as it last answered calls; it is no published version."""
LONGEST: Final = 10
"""Figures of a number, at most."""
PARTIAL: Final = ".partial"
"""Ending of a folder that is being filled."""


@dataclass(frozen=True)
class ContentVersion:
    """A published version.

    at: seconds since 1970.
    facts: what was measured on publishing.
    files: SHA-256 of each file, by its path; empty for a version that was published before these were kept.
    """

    number: int
    at: float
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def folder(settings: Settings) -> Path:
    """Return the folder of all versions."""
    return settings.state_dir.content_versions


def path(settings: Settings, number: int) -> Path:
    """Return the folder of the version ``number``."""
    return folder(settings) / str(number)


def pointer(settings: Settings) -> int | None:
    """Return the number that ``current`` holds: 0 where it is missing, None where it holds no number."""
    place = settings.state_dir.current_version
    if not (place.exists() or place.is_symlink()):
        return 0
    text = text_of(place, place.name)
    number = text.strip() if isinstance(text, str) else ""
    return int(number) if number.isdecimal() and number.isascii() and len(number) < LONGEST else None


def current(settings: Settings) -> int:
    """Return the number of the version in use; 0 while none is published.

    Where ``current`` cannot be read, the newest version that is whole is in use.
    """
    number = pointer(settings)
    if number is not None:
        return number
    return next((item.number for item in reversed(listed(settings)) if not damage(settings, item.number)), 0)


def root(settings: Settings) -> Path:
    """Return the root of the content in use: the current version, or the checkout."""
    number = current(settings)
    return path(settings, number) if number else settings.root


def candidates(settings: Settings) -> list[int]:
    """Return the numbers of the versions that a start may use, the best first; 0 is the checkout.

    The checkout is among them only while it is the content in use.
    """
    now = current(settings)
    numbers = sorted((item.number for item in listed(settings)), reverse=True)
    earlier = [number for number in numbers if number < now]
    later = [number for number in numbers if number > now]
    return [now, *earlier, *later]


def number_of(root: Path) -> int:
    """Return the number of the version whose folder is ``root``; 0 for the checkout."""
    return int(root.name) if root.parent.name == "generations" and root.name.isdecimal() else 0


def listed(settings: Settings) -> list[ContentVersion]:
    """Return all versions whose manifest can be read, oldest first."""
    found = [manifest(item.parent) for item in folder(settings).glob(f"*/{MANIFEST}")]
    return sorted(
        (one for one in found if one is not None and one.number != LAST_DRAFT), key=lambda one: one.number
    )


def manifest(root: Path) -> ContentVersion | None:
    """Return what the manifest of the version in ``root`` says; None where it cannot be read."""
    known = {spec.name for spec in fields(ContentVersion)}  # a later program may have written more
    text = text_of(root / MANIFEST, MANIFEST)
    try:
        values: Any = json.loads(text if isinstance(text, str) else "null")
        found = ContentVersion(**{name: value for name, value in values.items() if name in known})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    usable = (
        str(found.number) == root.name and isinstance(found.facts, dict) and isinstance(found.files, dict)
    )
    return found if usable and isinstance(found.at, int | float) else None


def damage(settings: Settings, number: int) -> str:
    """Return what is wrong with the files of a version, in one line; empty when it is whole.

    A version without checksums is whole as far as this can tell.
    """
    here = path(settings, number)
    found = manifest(here)
    if found is None:
        return f"{here / MANIFEST} is missing or damaged"
    for name, wanted in found.files.items():
        try:
            small = is_regular(here / name) and (here / name).stat().st_size <= LARGEST_BYTES
            same = small and sha256_of(here / name) == wanted
        except OSError:
            same = False
        if not same:
            return f"{here / name} is not as it was published"
    return ""


def models(var: Path) -> set[str]:
    """Return the file names of the models of all versions, of all instances below ``var``."""
    found = (manifest(item.parent) for item in var.glob(f"state/*/generations/*/{MANIFEST}"))
    return {str(one.facts.get("model", "")) for one in found if one is not None}


@contextmanager
def changing(settings: Settings) -> Iterator[None]:
    """Hold the lock of everything that changes versions; raises ConfigError while another process holds it."""
    lock = settings.state_dir.lock("publication")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(lock))
        except BlockingIOError:
            raise ConfigError("another publication is under way: wait until it has ended") from None
        yield


def snapshot(settings: Settings) -> tuple[int, Path]:
    """Copy the content of the checkout; return the number of the future version and the folder of the copy.

    Later edits do not change the copy.  Raises ConfigError for a file that cannot be copied.
    """
    for left in folder(settings).glob(f"*{PARTIAL}"):
        shutil.rmtree(left, ignore_errors=True)
    taken = [int(item.name) for item in folder(settings).glob("*") if item.name.isdecimal()]
    number = max([0, *taken]) + 1
    return number, _copied(settings, number)


def keep(settings: Settings, number: int, draft: Path, note: str, facts: Mapping[str, Any]) -> ContentVersion:
    """Make the snapshot ``draft`` the version ``number``; it is not in use yet.  ``facts`` go into its manifest.

    Raises OSError.
    """
    version = ContentVersion(number, time.time(), note, facts, _checksums(draft))
    write_durably(draft / MANIFEST, json.dumps(asdict(version), indent=1))
    for item in draft.rglob("*"):
        sync(item)
    sync(draft)
    draft.rename(path(settings, number))
    sync(folder(settings))
    return version


def keep_draft(settings: Settings, facts: Mapping[str, Any]) -> None:
    """Keep a copy of the checkout, which answers calls now: a later start uses it when the checkout has errors.

    Raises OSError, and ConfigError for a file that cannot be copied.
    """
    here = path(settings, LAST_DRAFT)
    before = manifest(here)
    if before is not None and before.facts == dict(facts) and before.files == _checksums(settings.root):
        return
    draft = _copied(settings, LAST_DRAFT)
    old = here.with_name(f"{LAST_DRAFT}.old{PARTIAL}")
    shutil.rmtree(old, ignore_errors=True)
    if here.exists():
        here.rename(old)
    keep(settings, LAST_DRAFT, draft, "the files as they were edited", facts)
    shutil.rmtree(old, ignore_errors=True)


def point(settings: Settings, number: int) -> None:
    """Make version ``number`` (0: the checkout) the current one; raises UsageError, and OSError on a full disk."""
    if number and not path(settings, number).is_dir():
        raise UsageError(f"no generation {number}: see `ivr content list`")
    write_durably(settings.state_dir.current_version, str(number))


def discard(settings: Settings, number: int) -> None:
    """Remove a version that was refused; the first step takes its manifest, so that it is never half there."""
    (path(settings, number) / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(path(settings, number), ignore_errors=True)


def _copied(settings: Settings, number: int) -> Path:
    draft = folder(settings) / f"{number}{PARTIAL}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for name in FOLDERS:
            shutil.copytree(settings.root / name, draft / name, ignore=_unread)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise ConfigError(f"the files cannot be copied: {_first(error)}") from None
    return draft


def _first(error: OSError) -> str:
    """The first reason of an error of ``shutil.copytree``, which collects them."""
    reasons = error.args[0] if isinstance(error, shutil.Error) else None
    return str(reasons[0][2]) if isinstance(reasons, list) and reasons else str(error)


def _unread(folder: str, names: list[str]) -> list[str]:
    """Names that no version needs: what is neither a file nor a folder, such as a dangling link, and bytecode."""
    here = Path(folder)
    return [
        name
        for name in names
        if name == "__pycache__" or not ((here / name).is_file() or (here / name).is_dir())
    ]


def _checksums(root: Path) -> dict[str, str]:
    """SHA-256 of each file of the content below ``root``, by its path."""
    return {
        str(item.relative_to(root)): sha256_of(item)
        for name in FOLDERS
        for item in sorted((root / name).rglob("*"))
        if item.is_file() and "__pycache__" not in item.parts
    }
