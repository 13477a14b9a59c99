"""Writes to the disk in a thread of its own, in order, so that a disk that stalls holds up no event loop."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

log = logging.getLogger(__name__)

R = TypeVar("R")
LONGEST_S: Final = 1.0
"""Seconds that somebody who could go on without it waits for the disk."""


class DiskWriter:
    """A thread that does one job after the other.

    what: what is lost when too much waits, for the alarm.
    limit: jobs that may wait; with more, new ones are refused.
    """

    def __init__(self, what: str, limit: int) -> None:
        self._what, self._limit = what, limit
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._waiting = 0
        self._full = False

    def soon(self, job: Callable[[], object], *, always: bool = False) -> bool:
        """Do ``job`` in the thread, and return at once: whether there was room for it.  A failure is logged.

        always: do it even when too much waits: it gives something back, such as an open file.
        """
        future = self._submit(job, always=always)
        if future is not None:
            future.add_done_callback(self._report)
        return future is not None

    async def do(self, job: Callable[[], R], within_s: float = LONGEST_S) -> R:
        """Do ``job`` in the thread and return its result.

        Raises what ``job`` raises, OSError when too much waits, and TimeoutError when it is not done ``within_s``
        seconds; it is done later then, and a failure is logged.
        """
        future = self._submit(job)
        if future is None:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(future)
        except TimeoutError:
            future.add_done_callback(self._report)
            raise

    def close(self) -> None:
        """Return when all jobs are done.  Blocks."""
        self._thread.shutdown()

    def _submit(self, job: Callable[[], R], *, always: bool = False) -> asyncio.Future[R] | None:
        if self._waiting >= self._limit and not always:
            if not self._full:
                log.error(
                    "ALARM: the disk does not take what is written; from here on %s are lost", self._what
                )
            self._full = True
            return None
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._thread, job)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: asyncio.Future[R]) -> None:
        self._waiting -= 1
        if self._full and self._waiting < self._limit // 2:
            log.warning("the disk takes again what is written")
            self._full = False

    def _report(self, future: asyncio.Future[R]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("ALARM: something was not written: %s: %s", type(error).__name__, error)
