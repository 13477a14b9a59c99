"""Periodic work, and a lock that keeps it to one process of an instance."""

from __future__ import annotations

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""Pause between two rounds, in seconds."""


async def run_periodically(once: Callable[[], Awaitable[None]], what: str) -> None:
    """Call ``once`` every ``EVERY_S`` seconds until cancelled; ``what`` names the work in the alarm when it fails."""
    while True:
        try:
            await once()
        except Exception:  # the top of a job: other jobs of the process must go on
            log.exception("ALARM: a round of %s failed; it is tried again in %g s", what, EVERY_S)
        await asyncio.sleep(EVERY_S)


@contextmanager
def file_lock(lock: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file ``lock``; raises BlockingIOError when another process holds it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@asynccontextmanager
async def round_lock(lock: Path) -> AsyncIterator[None]:
    """Hold a ``file_lock`` from a coroutine: the disk may stall."""
    with ExitStack() as stack:
        await asyncio.to_thread(_hold, stack, lock)
        yield


def _hold(stack: ExitStack, lock: Path) -> None:
    stack.enter_context(file_lock(lock))
