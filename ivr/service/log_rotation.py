"""Logs that do not grow for ever: each is moved aside when it is full, and the oldest goes.

``worker.log`` becomes ``worker.log.1``, that ``.2``, to ``.5``.  Nothing is lost: whoever has the file open writes on
into it under its new name until he opens the new one (our processes: ``ivr.core.logs``; Asterisk: told by us).
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
KEPT = 5
"""Full logs that are kept of each kind."""
OURS = ("worker.log", "recogniser.log", "collector.log", "console.log")
RASAS = ("rasa.log", "asterisk.out")
"""Written by programs that never open their log again: what is in it is copied, then they begin at its start."""
ASTERISKS = ("asterisk.log", "security.log", "queue_log")
MB = 1_000_000


async def keep(settings: Settings) -> None:
    """Until cancelled.  What cannot be done now is tried again."""
    while True:
        try:
            await once(settings)
        except OSError as error:
            log.warning("logs are not rotated: %s", error)
        except AmiError as error:
            log.warning("Asterisk was not told to open its logs again: %s", error)
        await asyncio.sleep(EVERY_S)


async def once(settings: Settings) -> None:
    """One round: every log that is full."""
    logs, limit = settings.state_dir.logs, settings.log_mb * MB
    for path in _full((logs / name for name in OURS), limit):
        move_aside(path)
    for path in _full((logs / name for name in RASAS), limit):
        await asyncio.to_thread(copy_aside, path)
    theirs = [settings.pbx / "log" / name for name in ASTERISKS]
    for path in _full(theirs, limit):
        move_aside(path)
    if any(_numbered(path, 1).exists() and not path.exists() for path in theirs):
        async with queues.connect(settings) as ami:
            await ami.action("Reload", Module="logger")


def move_aside(path: Path) -> None:
    """``path`` becomes ``path.1``, and the oldest of them is deleted."""
    _shift(path)
    path.rename(_numbered(path, 1))


def copy_aside(path: Path) -> None:
    """The same for a writer who keeps the file open for appending: ``path`` is empty afterwards."""
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
