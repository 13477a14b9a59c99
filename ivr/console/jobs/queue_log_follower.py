"""The job that follows Asterisk's queue log: who waits, rings, talks, also while no worker lives.

Asterisk writes the log by itself, so nothing is lost while the console is down: it reads on from where it was, also
when the log was moved aside meanwhile (``ivr.service.log_rotation``: ``queue_log.1``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.queue_log import QueueLogParser, parse
from ivr.console.context import Context
from ivr.core import events
from ivr.store.journal import Journal

EVERY_S = 0.2
CHUNK_BYTES = 1_000_000


@dataclass(frozen=True)
class Noted:
    """An event of the log, and the ``place`` behind it (bytes) in the ``file`` (inode)."""

    file: int
    place: int
    stamped: events.Stamped


class QueueLogFollower:
    """Reads lines as they come and notes their events."""

    name = "queues"

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._settings, self._store = settings, context.store
        self._path = settings.pbx / "log/queue_log"
        self._aside = settings.pbx / "log/queue_log.1"
        self._mark = settings.state_dir.queue_log_place
        self._names = {adviser.id: adviser.name for adviser in context.callflow.advisers}
        self._reading = QueueLogParser(self._names)
        self._file = self._place = 0

    async def run(self) -> None:
        """Until cancelled.  The whole log is read, as it tells of the calls under way; its old part is stored."""
        self._reading, self._place = QueueLogParser(self._names), 0
        self._file = _inode(self._aside)
        settings = self._settings
        journal = Journal(settings.state_dir.spool, self._store, settings.pseudonyms)
        draining = asyncio.create_task(journal.run())
        done = self._done()
        try:
            while True:
                for noted in await asyncio.to_thread(self._read):
                    if noted.place > done.get(noted.file, 0):
                        journal.append(noted.stamped)
                if self._place and self._place != done.get(self._file):
                    done[self._file] = self._place
                    self._mark.write_text(f"{self._file} {self._place}", "utf-8")
                await asyncio.sleep(EVERY_S)
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)

    def _read(self) -> list[Noted]:
        """What was written since the last time; of a log that was moved aside, first what was still written there."""
        if self._file and _inode(self._path) != self._file:
            if noted := self._read_from(self._aside):
                return noted
            if not self._path.exists():
                return []
            self._file = self._place = 0
        return self._read_from(self._path)

    def _read_from(self, path: Path) -> list[Noted]:
        try:
            with path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if self._file not in (0, inode):
                    return []
                self._file = inode
                if file.seek(0, 2) < self._place:  # begun anew
                    self._place = 0
                file.seek(self._place)
                lines = file.read(CHUNK_BYTES).splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [noted for line in lines if line.endswith(b"\n") for noted in self._events(line)]

    def _events(self, raw: bytes) -> Iterator[Noted]:
        line = parse(raw.decode(errors="replace"))
        self._place += len(raw)
        if line is None:
            return
        # the number follows from the place in the file: what is read twice is stored once
        seq = line.at * 1_000_000_000 + self._place % 1_000_000_000
        for event in self._reading.read(line):
            stamped = events.Stamped(line.call_id, seq, self._reading.seconds(line), event)
            yield Noted(self._file, self._place, stamped)

    def _done(self) -> dict[int, int]:
        """Up to which place each file is stored; a mark without a file is of the present log."""
        if not self._mark.exists():
            return {}
        *file, place = (int(word) for word in self._mark.read_text("utf-8").split())
        present = _inode(self._path)
        done = {file[0] if file else present: place}
        if present in done:
            done[_inode(self._aside)] = sys.maxsize
        return done


def _inode(path: Path) -> int:
    """Which file stands under this name; 0: none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
