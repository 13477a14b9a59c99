"""What systemd is told: that the service is ready, and that its event loop lives (sd_notify(3))."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


async def keep_told() -> None:
    """Tell systemd that the service is ready, then twice per ``WatchdogSec`` that this event loop lives.

    Does nothing where another program started the service.
    """
    tell("READY=1")
    pause_s = watchdog_s()
    while pause_s:
        tell("WATCHDOG=1")
        await asyncio.sleep(pause_s)


def watchdog_s() -> float:
    """Seconds between two signs of life: half of what systemd allows; 0 where it asks for none."""
    ours = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    allowed = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2_000_000 if ours and allowed.isdecimal() else 0.0


def tell(state: str) -> None:
    """Send ``state`` to the socket in ``NOTIFY_SOCKET``; ``@`` begins the name of an abstract one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection, contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
