"""What is kept up: in which group it runs, when what died is started again, and how a process ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import Process

RESTART_S = 0.2
STEADY_S = 30.0
"""One that lived so long is started again at once when it dies; one that dies young waits longer."""


class RestartBackoff:
    """The pauses between a death and the next start; ``longest_s`` for one that dies young again and again."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._pause_s = RESTART_S
        self._begun = 0.0

    def begins(self) -> None:
        """It is started now."""
        self._begun = time.monotonic()

    async def pause(self) -> None:
        """It has died: until it may be started again."""
        steady = time.monotonic() - self._begun > STEADY_S
        self._pause_s = RESTART_S if steady else min(self._pause_s * 2, self._longest_s)
        await asyncio.sleep(self._pause_s)


def own_group() -> None:
    """As ``preexec_fn``: a process group of its own, so that Ctrl-C reaches us alone, but no session of its own.

    Linux may share the processors among sessions first (sched(7), "The autogroup feature").  With a session for each
    process two decodes got the share of one, and a low priority gave way to nobody (docs/speech.md).
    """
    os.setpgrp()


def pid_of(process: Process | None) -> int:
    """Process id; 0 while there is none."""
    return process.pid if process is not None and process.returncode is None else 0


async def wait_or_kill(process: Process, within_s: float) -> int:
    """Its status; killed when it does not end by itself in time."""
    try:
        async with asyncio.timeout(within_s):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


async def cancelled(task: asyncio.Task[None]) -> None:
    """Returns when it has ended."""
    task.cancel()
    await asyncio.wait({task})


def ending(status: int) -> str:
    """An exit status in words."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
