"""Work in rounds, every few seconds, beside everything else; one process of an instance at a time."""

from __future__ import annotations

import asyncio
import fcntl
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

EVERY_S = 2.0


async def run_periodically(once: Callable[[], Awaitable[None]], what: str) -> None:
    """A round, again and again until cancelled; ``what`` it does stands in the alarm when one fails."""
    while True:
        try:
            await once()
        except Exception:  # the top of a job: it must not end what runs beside it
            log.exception("ALARM: a round of %s failed; it is tried again in %g s", what, EVERY_S)
        await asyncio.sleep(EVERY_S)


@contextmanager
def file_lock(lock: Path) -> Iterator[None]:
    """While nobody else holds this file; raises BlockingIOError where somebody does."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
