"""Processes of a service under test, found as an administrator would find them."""

from __future__ import annotations

import contextlib

import psutil


def linked(pid: int, port: int) -> bool:
    """Whether that process holds a connection to Asterisk's HTTP port: Asterisk knows the name of an application that
    is gone, too."""
    with contextlib.suppress(psutil.Error):
        return any(
            link.raddr and link.raddr.port == port for link in psutil.Process(pid).net_connections("tcp")
        )
    return False


def recogniser_of(worker_pid: int) -> int:
    """Process id of a worker's recogniser; 0 while there is none."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(worker_pid).children():
            with contextlib.suppress(psutil.Error):
                if "ivr.recogniser" in process.cmdline():
                    return process.pid
    return 0


def hearing_recogniser_of(worker_pid: int, log: str) -> int:
    """The same once it has its models, as the worker's log tells; 0 before."""
    pid = recogniser_of(worker_pid)
    return pid if f"process {pid}\n" in log else 0
