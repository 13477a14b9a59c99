"""The spool between calls and the database.

``append`` writes one line to a file and returns: a call never waits for the database, and a process that is killed
loses nothing that it had appended.  On a full disk lines wait in memory.  ``drain`` moves lines into the database in
order, and deletes a file whose lines are all stored.  It drains the files of dead processes first.  A living process
drains its own file alone.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from ivr.core import events
from ivr.core.errors import StoreError, UnusableFile
from ivr.core.files import open_regular
from ivr.core.pseudonyms import Pseudonyms
from ivr.core.settings import Settings
from ivr.store.database import Store
from ivr.store.quarantine import shown
from ivr.store.writer import write

log = logging.getLogger(__name__)

ROTATE_S = 5.0
"""Seconds after which a file whose events are all stored is replaced, so that no words and numbers stay in it."""
DRAIN_S = 0.5
"""Seconds between two drains."""
RETRY_S = 5.0
"""Seconds until the next drain while the database is away."""
BATCH = 500
"""Events that are stored in one transaction, roughly."""
REFUSED = (IntegrityError, DataError, OverflowError, ValueError, TypeError)
"""What the database and its drivers raise for an event that they can never store."""
WAITING = 20_000
"""Events that wait in memory while the disk is full: some 500 calls, 5 MB."""


class Journal:
    """One process's spool file in ``folder`` and the database behind it."""

    def __init__(self, folder: Path, store: Store, pseudonyms: Pseudonyms) -> None:
        """``folder``: of the spool files of all processes of this instance; it is made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path, self._file = _own_file(folder)
        self._changing = threading.Lock()
        self._begun = time.monotonic()
        self._database, self._pseudonyms = store, pseudonyms
        self._offsets: dict[Path, int] = {}
        self._waiting: deque[bytes] = deque()  # lines that are not written yet
        self._full = self._losing = self._torn = False
        self._unreadable: set[Path] = set()
        self._draining = threading.Lock()

    def append(self, stamped: events.Stamped) -> None:
        """Write one event; never raises OSError.  On a full disk the event waits, and an alarm is logged once."""
        line = json.dumps(events.to_json(stamped), ensure_ascii=False).encode() + b"\n"
        with (
            self._changing
        ):  # others hold it while they exchange files, never while they wait for the database
            self._waiting.append(line)
            self._write_waiting()

    def sync(self) -> bool:
        """Synchronise what was appended to the disk (fsync), so that its sources may be deleted.  Blocks.

        Returns False when some of it waits in memory for a full disk.
        """
        with self._changing:
            self._write_waiting()
            if self._waiting or self._file.closed:
                return False
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                log.error("ALARM: %s: %s", self.path, error.strerror)
                return False
        return True

    def _write_waiting(self) -> None:
        try:
            while self._waiting:
                self._write_line(self._waiting[0])
                self._waiting.popleft()
            if self._full:
                log.warning("%s: there is room again, the events that waited are written", self.path)
            self._full = self._losing = False
        except OSError as error:
            if not self._full:
                log.error("ALARM: %s: %s; events wait in memory", self.path, error.strerror)
            self._full = True
            self._lose_oldest()

    def _write_line(self, line: bytes) -> None:
        """Write a line; raises OSError when only a part of it was written."""
        if self._torn:  # the disk was full within a line: what follows is a line of its own
            line = b"\n" + line
        written = self._file.write(line) or 0
        if written < len(line):
            self._torn = self._torn or written > 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False

    def _lose_oldest(self) -> None:
        while len(self._waiting) > WAITING:
            self._waiting.popleft()
            if not self._losing:
                log.error("ALARM: events are being lost, more than %d wait for a full disk", WAITING)
            self._losing = True

    async def run(self) -> None:
        """Drain every ``DRAIN_S`` seconds until cancelled, then once more, and close."""
        try:
            while True:
                stored = await asyncio.to_thread(self.drain)
                await asyncio.sleep(DRAIN_S if stored else RETRY_S)
        finally:
            await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self.drain()
        self.close()

    def drain(self) -> bool:
        """Move what is spooled into the database; returns False when the database is away.  Blocks."""
        try:
            with self._changing:
                self._write_waiting()
            with self._draining:
                for path in sorted(self.folder.glob("*.jsonl")):
                    self._try_file(path)
                self._rotate()
        except (SQLAlchemyError, StoreError, OSError) as error:
            log.warning("database away (%s), events wait in %s", type(error).__name__, self.folder)
            self.sync()  # they may wait for long: a loss of power must not take them
            self._database.close()
            return False
        return True

    def close(self) -> None:
        """Close the file; an empty or stored one is removed.  Safe to call twice."""
        if self._file.closed:
            return
        self._write_waiting()
        if self._waiting:
            log.error("ALARM: %d events are lost, %s is full", len(self._waiting), self.folder)
        if os.fstat(self._file.fileno()).st_size <= self._offsets.get(self.path, 0):
            self.path.unlink(missing_ok=True)
        self._file.close()

    def _rotate(self) -> None:
        """Go on in a new file when all of this one is stored; an event that comes meanwhile is in one of both."""
        stored = self._offsets.get(self.path, 0)
        if self._file.closed or not stored or time.monotonic() - self._begun < ROTATE_S:
            return
        path, file = _own_file(self.folder)
        with self._changing:
            if os.fstat(self._file.fileno()).st_size == stored:
                old, old_file = self.path, self._file
                self.path, self._file = path, file
            else:
                old, old_file = path, file  # there is more to store first
        old.unlink()
        old_file.close()
        self._offsets.pop(old, None)
        self._begun = time.monotonic()

    def _try_file(self, path: Path) -> None:
        """Drain one file; one that cannot be read does not hold up the others.  One alarm for each."""
        try:
            self._drain_file(path)
        except FileNotFoundError:
            return  # another process has drained it
        except (UnusableFile, OSError) as error:
            if path not in self._unreadable:
                log.error("ALARM: %s cannot be read, its events wait there: %s", path, error)
            self._unreadable.add(path)

    def _drain_file(self, path: Path) -> None:
        start = self._offsets.get(path, 0)
        with open(open_regular(path), "rb") as file:
            if path != self.path and not _is_abandoned(file):
                return
            file.seek(start)
            while lines := _whole_lines(file.readlines(BATCH * 200)):
                self._offsets[path] = start = self._store(path, lines, start)
                file.seek(start)
        if path != self.path:
            path.unlink(missing_ok=True)
            self._offsets.pop(path, None)

    def _store(self, path: Path, lines: list[bytes], start: int) -> int:
        items = [item for line in lines if (item := self._read(path, line)) is not None]
        try:
            write(self._database, items, self._pseudonyms)
        except REFUSED:
            for item in items:  # an event that the database refuses must not hold up the others
                self._write_alone(item)
        return start + sum(map(len, lines))

    def _write_alone(self, item: events.Stamped) -> None:
        try:
            write(self._database, [item], self._pseudonyms)
        except REFUSED as error:
            why = getattr(error, "orig", error)
            log.error("ALARM: call %s: a %s event is left out: %s", shown(item.call_id), item.event.kind, why)
            self._set_aside(json.dumps(events.to_json(item)).encode() + b"\n")

    def _read(self, path: Path, line: bytes) -> events.Stamped | None:
        if not line.strip():
            return None
        try:
            return events.from_json(json.loads(line))
        except (ValueError, RecursionError) as error:
            log.error("ALARM: %s: a line is not an event and is set aside: %s", path, shown(error))
            self._set_aside(line)
            return None

    def _set_aside(self, line: bytes) -> None:
        """Keep a line that cannot be stored, for a person to look at."""
        place = self.folder.parent / "set-aside" / self.folder.name / "events.jsonl"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("ab") as file:
                file.write(line)
        except OSError as error:
            log.error("ALARM: %s: %s: an event is lost", place, error.strerror)


@contextmanager
def drained_store(settings: Settings) -> Iterator[Store]:
    """The database as a command uses it: what earlier processes left in the spool is stored first.

    The connections are closed at the end of the block.
    """
    store = Store(settings.database)
    try:
        journal = Journal(settings.state_dir.spool, store, settings.pseudonyms)
        journal.drain()
        journal.close()
        yield store
    finally:
        store.close()


def _own_file(folder: Path) -> tuple[Path, FileIO]:
    """A new file, locked until this process ends."""
    while True:
        path = folder / f"{time.time_ns():020d}-{os.getpid()}.jsonl"
        file = FileIO(path, "a")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another process took it for the file of a dead process


def _whole_lines(lines: list[bytes]) -> list[bytes]:
    """The lines without a last one that is still being written."""
    return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


def _is_abandoned(file: BinaryIO) -> bool:
    """Whether the process that wrote this file is dead: its lock went with it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
