"""Log rotation: a full log is moved aside, and the oldest one is deleted.

``worker.log`` becomes ``worker.log.1``, that one ``.2``, up to ``.5``.  No line is lost: a process writes to the
renamed file until it opens the new one.  Our processes notice by themselves (``ivr.core.logs``); Asterisk is told so.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from ivr.asterisk import queues
from ivr.core.errors import AmiError
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 30.0
"""Seconds between rounds."""
KEPT = 5
"""Rotated files that are kept of each log."""
OWN_LOGS = ("worker.log", "recogniser.log", "collector.log", "console.log")
COPIED_LOGS = ("rasa.log", "asterisk.out")
"""Logs of programs that never reopen them: their content is copied, and then the file is emptied."""
ASTERISK_LOGS = ("asterisk.log", "security.log", "queue_log")
MB = 1_000_000


async def keep(settings: Settings) -> None:
    """Rotate logs until cancelled; a failure is logged and tried again."""
    while True:
        try:
            await once(settings)
        except OSError as error:
            log.warning("logs are not rotated: %s", error)
        except AmiError as error:
            log.warning("Asterisk was not told to open its logs again: %s", error)
        await asyncio.sleep(EVERY_S)


async def once(settings: Settings) -> None:
    """Rotate every log that has reached the size limit.  Raises OSError and AmiError."""
    if await asyncio.to_thread(_rotate, settings):
        async with queues.connect(settings) as ami:
            await ami.action("Reload", Module="logger")


def _rotate(settings: Settings) -> bool:
    """Rotate every log that has reached the size limit; returns whether Asterisk has to open its logs again."""
    logs, limit = settings.state_dir.logs, settings.log_mb * MB
    for path in _full((logs / name for name in OWN_LOGS), limit):
        move_aside(path)
    for path in _full((logs / name for name in COPIED_LOGS), limit):
        copy_aside(path)
    theirs = [settings.pbx / "log" / name for name in ASTERISK_LOGS]
    for path in _full(theirs, limit):
        move_aside(path)
    return any(_numbered(path, 1).exists() and not path.exists() for path in theirs)


def move_aside(path: Path) -> None:
    """Rename ``path`` to ``path.1``, after the older ones were renamed and the oldest was deleted."""
    _shift(path)
    path.rename(_numbered(path, 1))


def copy_aside(path: Path) -> None:
    """Copy ``path`` to ``path.1`` and empty it, for a program that keeps it open for appending."""
    _shift(path)
    shutil.copyfile(path, _numbered(path, 1))
    with path.open("r+b") as file:
        file.truncate(0)


def _shift(path: Path) -> None:
    for number in range(KEPT, 0, -1):
        older = _numbered(path, number)
        if older.exists():
            older.replace(_numbered(path, number + 1))
    _numbered(path, KEPT + 1).unlink(missing_ok=True)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _full(paths: Iterable[Path], limit: int) -> list[Path]:
    return [path for path in paths if path.exists() and path.stat().st_size >= limit]
