"""Turns Asterisk's queue log into events: who waits, rings and talks, also while no worker runs.

Asterisk writes the log by itself, so nothing is lost while the console is down.  The job continues where it stopped,
even when the log was rotated meanwhile (``ivr.service.log_rotation``: ``queue_log.1``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.queue_log import QueueLogParser, parse
from ivr.console.context import Context
from ivr.core import events
from ivr.core.errors import UnusableFile
from ivr.core.files import read_regular, write_durably
from ivr.store.journal import Journal

log = logging.getLogger(__name__)

EVERY_S = 0.2
CHUNK_BYTES = 1_000_000


@dataclass(frozen=True)
class LogEvent:
    """An event, and the position behind it: inode of the file and offset in bytes."""

    file: int
    offset: int
    stamped: events.Stamped


class QueueLogFollower:
    """Reads new lines and writes their events to the journal."""

    name = "queues"

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._settings, self._store = settings, context.store
        self._path = settings.pbx / "log/queue_log"
        self._rotated = settings.pbx / "log/queue_log.1"
        self._mark = settings.state_dir.queue_log_place
        self._names = {adviser.id: adviser.name for adviser in context.callflow.advisers}
        self._parser = QueueLogParser(self._names)
        self._file = self._offset = 0
        self._markless = False

    async def run(self) -> None:
        """Follow the log until cancelled.

        The whole log is parsed, because it describes the calls in progress; stored lines give no new events.
        """
        journal, done = await asyncio.to_thread(self._begin)
        draining = asyncio.create_task(journal.run())
        try:
            while True:
                await asyncio.to_thread(self._take, journal, done)
                await asyncio.sleep(EVERY_S)
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)

    def _begin(self) -> tuple[Journal, dict[int, int]]:
        """A journal, and the stored offset of each file."""
        self._parser, self._offset = QueueLogParser(self._names), 0
        self._file = _inode(self._rotated)
        settings = self._settings
        return Journal(settings.state_dir.spool, self._store, settings.pseudonyms), self._done()

    def _take(self, journal: Journal, done: dict[int, int]) -> None:
        """Append the events of the new lines to the journal."""
        for entry in self._read():
            if entry.offset > done.get(entry.file, 0):
                journal.append(entry.stamped)
        if self._offset and self._offset != done.get(self._file):
            done[self._file] = self._offset
            self._keep_place()

    def _read(self) -> list[LogEvent]:
        """Read the new lines, first those at the end of a rotated file."""
        if self._file and _inode(self._path) != self._file:
            if entry := self._read_from(self._rotated):
                return entry
            if not self._path.exists():
                return []
            self._file = self._offset = 0
        return self._read_from(self._path)

    def _read_from(self, path: Path) -> list[LogEvent]:
        try:
            with path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if self._file not in (0, inode):
                    return []
                self._file = inode
                if file.seek(0, 2) < self._offset:  # truncated
                    self._offset = 0
                file.seek(self._offset)
                lines = file.read(CHUNK_BYTES).splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [entry for line in lines if line.endswith(b"\n") for entry in self._events(line)]

    def _events(self, raw: bytes) -> Iterator[LogEvent]:
        line = parse(raw.decode(errors="replace"))
        self._offset += len(raw)
        if line is None:
            return
        # the sequence number follows from the offset, so that a line that is read twice is stored once
        seq = line.at * 1_000_000_000 + self._offset % 1_000_000_000
        for event in self._parser.read(line):
            stamped = events.Stamped(line.call_id, seq, self._parser.seconds(line), event)
            yield LogEvent(self._file, self._offset, stamped)

    def _keep_place(self) -> None:
        """Write the mark; without it the whole log is read again after a restart, and no event is stored twice."""
        try:
            write_durably(self._mark, f"{self._file} {self._offset}")
        except OSError as error:
            if not self._markless:
                log.error("ALARM: %s: %s", self._mark, error.strerror)
            self._markless = True
        else:
            self._markless = False

    def _done(self) -> dict[int, int]:
        """Stored offset of each file; a mark without an inode belongs to the present log.

        A mark that cannot be read means: from the beginning, as events are stored once anyway.
        """
        try:
            *file, offset = (int(word) for word in read_regular(self._mark).split())
        except FileNotFoundError:
            return {}
        except (UnusableFile, OSError, ValueError) as error:
            log.warning(
                "%s cannot be read, so the queue log is read from its beginning: %s", self._mark, error
            )
            return {}
        present = _inode(self._path)
        done = {file[0] if file else present: offset}
        if present in done:
            done[_inode(self._rotated)] = sys.maxsize
        return done


def _inode(path: Path) -> int:
    """Inode of the file; 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
