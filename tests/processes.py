"""Processes of a service under test, found as an administrator would find them."""

from __future__ import annotations

import contextlib

import psutil

from ivr.service.supervisor import Supervisor


def linked(pid: int, port: int) -> bool:
    """Whether that process holds a connection to Asterisk's HTTP port: Asterisk knows the name of an application that
    is gone, too."""
    with contextlib.suppress(psutil.Error):
        return any(
            link.raddr and link.raddr.port == port for link in psutil.Process(pid).net_connections("tcp")
        )
    return False


def hears(service: Supervisor, log: str) -> bool:
    """Whether the recogniser that is there now has its models, and the worker knows, as its log tells."""
    return f"process {service.recogniser_pid}\n" in log
