"""A service of its own and a telephone to call it, for the demonstration and the benchmarks."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator

from rich.console import Console

from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.service.supervisor import Supervisor
from ivr.simulator.softphone import Softphone


def own_instance(settings: Settings, name: str) -> Settings:
    """Settings of a second instance called ``name``, with free ports, its own state and an SQLite store.

    It can run beside the service that ``settings`` describe.  Ports are chosen now, so use them soon.
    """
    return dataclasses.replace(
        settings,
        instance=name,
        database_url="",
        sip_port=free_port(socket.SOCK_DGRAM),
        http_port=free_port(),
        ami_port=free_port(),
        console_port=0,
        rasa_port=free_port(),
        rtp_start=24000,
        rtp_end=24399,
        sip_tls_port=0,
    )


@contextlib.asynccontextmanager
async def service_and_phone(settings: Settings, console: Console) -> AsyncIterator[Softphone]:
    """Start the service of ``settings``, then a telephone, and stop both on exit.

    ``console`` shows the progress.  Yields the telephone.
    """
    async with Supervisor(settings, console.print).running():
        console.print("Starting the caller's telephone\n")
        async with Softphone(settings) as phone:
            yield phone
