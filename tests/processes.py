"""Processes of a service under test, found as an administrator would find them."""

from __future__ import annotations

import contextlib

import psutil


def recogniser_of(worker_pid: int) -> int:
    """Process id of a worker's recogniser; 0 while there is none."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(worker_pid).children():
            with contextlib.suppress(psutil.Error):
                if "ivr.recogniser" in process.cmdline():
                    return process.pid
    return 0
