"""Helpers for child processes: process group, restart back-off, and how a process has ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import Process
from typing import Any

RESTART_S = 0.2
STEADY_S = 30.0
"""What ran for this long is started again after the first pause; what ends sooner waits longer each time."""


class RestartBackoff:
    """The pauses between the end of something and its next start.

    longest_s: longest pause in seconds.
    first_s: pause in seconds after it has run for ``STEADY_S``.  Each end before that doubles the pause.
    """

    def __init__(self, longest_s: float, first_s: float = RESTART_S) -> None:
        self._longest_s, self._first_s = longest_s, first_s
        self._pause_s = first_s
        self._begun = 0.0

    def begins(self) -> None:
        """Note that it is started now."""
        self._begun = time.monotonic()

    async def pause(self) -> None:
        """Return when it may be started again."""
        steady = time.monotonic() - self._begun > STEADY_S
        longer = max(self._pause_s * 2, RESTART_S)
        self._pause_s = self._first_s if steady else min(longer, self._longest_s)
        await asyncio.sleep(self._pause_s)


def own_group() -> None:
    """Give a child a process group of its own, so that Ctrl-C reaches this process only (a ``preexec_fn``).

    It gets no session of its own: Linux may share the processors among sessions first (sched(7), "The autogroup
    feature").  With a session for each process, two decodes got the share of one, and a low priority had no effect
    (docs/speech.md).
    """
    os.setpgrp()


def signal_group(process: Process, number: signal.Signals) -> None:
    """Send a signal to the process group of a child that runs in its own; does nothing when it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and return when it has ended."""
    task.cancel()
    await asyncio.wait({task})


def ending(status: int) -> str:
    """An exit status of ``Process.wait`` in words, such as "signal SIGKILL" or "status 1"."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
