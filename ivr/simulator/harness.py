"""A running service of its own, and a telephone to call it."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator

from rich.console import Console

from ivr.core.settings import Settings
from ivr.service.supervisor import Supervisor
from ivr.simulator.softphone import Softphone, free_port


def own_instance(settings: Settings, name: str) -> Settings:
    """The same installation on ports and in a state of its own, beside a service that may be running."""
    return dataclasses.replace(
        settings, instance=name, database_url="", sip_port=free_port(socket.SOCK_DGRAM),
        http_port=free_port(socket.SOCK_STREAM), ami_port=free_port(socket.SOCK_STREAM), console_port=0,
        rasa_port=free_port(socket.SOCK_STREAM), rtp_start=24000, rtp_end=24399, sip_tls_port=0,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def service_and_phone(settings: Settings, show: Console) -> AsyncIterator[Softphone]:
    """A running service, and a telephone to call it."""
    async with Supervisor(settings, show.print).running():
        show.print("Starting the caller's telephone\n")
        async with Softphone(settings) as phone:
            yield phone
