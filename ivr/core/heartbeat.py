"""Signs of life: a process writes a byte to a pipe from its event loop, and its supervisor reads them.

A loop that is blocked writes none, and neither does a process that is stopped.  The environment variable
``ACCUEIL_HEARTBEAT`` names the file descriptor; without it a process gives no signs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Final

BEAT_S: Final = 0.5
"""Seconds between two signs."""
VARIABLE: Final = "ACCUEIL_HEARTBEAT"
READ_BYTES: Final = 4096


def beat() -> None:
    """Give signs of life from the running loop from now on, until the process ends."""
    given = os.environ.pop(VARIABLE, "")
    if given:
        pipe = int(given)
        os.set_inheritable(pipe, False)
        os.set_blocking(pipe, False)
        _beat(pipe, asyncio.get_running_loop())


def _beat(pipe: int, loop: asyncio.AbstractEventLoop) -> None:
    try:
        os.write(pipe, b".")
    except BlockingIOError:  # the supervisor does not read at the moment
        pass
    except OSError:  # the supervisor has ended
        os.close(pipe)
        return
    loop.call_later(BEAT_S, _beat, pipe, loop)


class Heartbeat:
    """The supervisor's end of the pipe of one process; each start of the process gets a new pipe."""

    def __init__(self) -> None:
        self._pipe = -1

    @contextlib.contextmanager
    def given(self) -> Iterator[int]:
        """The descriptor for the process that is started in the block, which inherits it."""
        self.close()
        self._pipe, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            yield theirs
        finally:
            os.close(theirs)

    async def seen(self) -> bool:
        """Whether the process has given a sign of life since the last question."""
        found = False
        with contextlib.suppress(BlockingIOError):
            while self._pipe >= 0 and os.read(self._pipe, READ_BYTES):
                found = True
        return found

    def close(self) -> None:
        """Close the pipe; safe to call twice."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
