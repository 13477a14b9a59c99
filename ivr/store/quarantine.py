"""Sets files aside that cannot be collected, so that one of them never stops the others, and nothing is lost.

The folder ``set-aside`` lies beside the spool folders, on the same disk: moving a file there never copies it.  A
person looks at it (docs/operations.md); retention deletes it.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ivr.core.errors import AudioError, UnusableFile
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

TRIES = 5
"""Rounds in which a file that cannot be read is tried, before it is set aside."""
SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN})
"""Errors of the machine and not of a file: whatever meets one waits."""
PBX_FOLDERS = ("fallback", "monitor", "recording")
"""Spool folders of Asterisk, below ``spool``."""


class Quarantine:
    """Counts what fails with each file, and moves a file that stays unreadable to the folder ``set-aside``."""

    def __init__(self, settings: Settings) -> None:
        self._places = {
            settings.pbx: set_aside_by_asterisk(settings),
            settings.state: settings.state_dir.set_aside,
        }
        self._folders = spool_folders(settings)
        self._failures: Counter[Path] = Counter()
        self._stuck: set[Path] = set()
        self._waiting: set[Path] = set()

    def failed(self, error: OSError | UnusableFile | AudioError, *files: Path) -> None:
        """Note that ``files``, which belong together, could not be read; the first one failed with ``error``.

        They are set aside at once when no further try can help, and otherwise after ``TRIES`` rounds.
        """
        if isinstance(error, FileNotFoundError):
            return  # somebody else has taken it
        if isinstance(error, OSError):
            if error.errno in SHORTAGES:
                log.warning("%s waits: %s", shown(files[0]), error.strerror)
                return
            self._failures[files[0]] += 1
            if self._failures[files[0]] < TRIES:
                return
        for path in files:
            self.set_aside(path, error)

    def remove(self, *files: Path) -> None:
        """Delete files whose content is stored; one that cannot be deleted is set aside."""
        for path in files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self.set_aside(path, error)

    def is_stuck(self, path: Path) -> bool:
        """Whether a file could not even be set aside: it is left alone until the process starts again."""
        return path in self._stuck

    def not_taken(self, target: Path, error: OSError) -> None:
        """Note that the disk did not take ``target``: its sources wait in the spool.  One alarm for each file."""
        if target not in self._waiting:
            log.error(
                "ALARM: %s: %s: messages and recordings wait in the spool", shown(target), error.strerror
            )
        self._waiting.add(target)

    def taken(self, target: Path) -> None:
        """Note that the disk has taken ``target``."""
        self._waiting.discard(target)

    def sweep(self) -> None:
        """Set aside whatever in a spool folder is no regular file: no reader may wait for it, or follow it."""
        for folder, expected in self._folders.items():
            for entry in _entries(folder):
                if entry.name not in expected and not _is_regular(entry):
                    self.set_aside(Path(entry.path), UnusableFile("no regular file"))

    def set_aside(self, path: Path, why: Exception) -> None:
        """Move a file, or whatever is there, to the folder ``set-aside``, with one alarm."""
        self._failures.pop(path, None)
        if path in self._stuck or not os.path.lexists(path):
            return
        try:
            target = _free(self._place(path) / path.parent.name / _harmless(path.name))
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        except OSError as error:
            self._stuck.add(path)
            log.error(
                "ALARM: %s cannot be used (%s) nor moved (%s): it stays",
                shown(path),
                shown(why),
                error.strerror,
            )
            return
        _date(target)
        log.error("ALARM: %s cannot be used (%s): it is set aside as %s", shown(path), shown(why), target)

    def _place(self, path: Path) -> Path:
        return next(place for root, place in self._places.items() if path.is_relative_to(root))


def set_aside_by_asterisk(settings: Settings) -> Path:
    """The folder for what cannot be collected from Asterisk's spool."""
    return settings.pbx / "spool/set-aside"


def spool_folders(settings: Settings) -> dict[Path, tuple[str, ...]]:
    """Every folder from which files are collected, and the folders that belong in it."""
    state = settings.state_dir
    ours = (state.spool, state.captures, state.refusals, state.recordings, state.pending_messages)
    return {
        **{settings.pbx / "spool" / name: () for name in PBX_FOLDERS},
        **{folder: () for folder in ours},
        state.voicemail: (state.pending_messages.name,),
    }


def shown(what: object) -> str:
    """A path or an error on one line of the log, whatever its name holds."""
    return str(what).encode("unicode_escape").decode("ascii")


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:  # not there yet, or another machine's disk is away
        return []


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except OSError:  # its readers find out
        return True


def _harmless(name: str) -> str:
    return re.sub(r"[^\w.+-]", "_", name, flags=re.ASCII)[:100] or "_"


def _free(target: Path) -> Path:
    """``target``, or the first name with a number behind it that is not taken."""
    numbered = (target.with_name(f"{target.name}.{number}") for number in range(1, 1_000_000))
    return next(path for path in itertools.chain((target,), numbered) if not os.path.lexists(path))


def _date(path: Path) -> None:
    """Let retention count from now, whatever date the file had."""
    try:
        os.utime(path, follow_symlinks=False)
    except OSError as error:
        log.warning("%s keeps its date: %s", path, error.strerror)
