"""State of a service's processes, read from outside as an administrator would."""

from __future__ import annotations

import contextlib

import psutil

from ivr.service.supervisor import Supervisor


def linked(pid: int, port: int) -> bool:
    """Whether the process ``pid`` has a connection to Asterisk's HTTP ``port``.

    Asterisk itself also lists applications that have disconnected.
    """
    with contextlib.suppress(psutil.Error):
        return any(
            link.raddr and link.raddr.port == port for link in psutil.Process(pid).net_connections("tcp")
        )
    return False


def hears(service: Supervisor, log: str) -> bool:
    """Whether the present recogniser has its models and the worker is connected to it, by the worker's log."""
    return f"process {service.recogniser_pid}\n" in log
