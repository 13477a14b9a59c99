"""The HTTP server as a job of the console, so that a port in use does not end the other jobs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from ivr.console.api.app import create_app
from ivr.console.context import Context
from ivr.core.settings import Settings

GRACE_S = 2
"""Seconds that running requests may take at the end."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process (``ivr.core.entrypoint``)."""
        yield


class ConsoleServer:
    """Serves the application on ``IVR_CONSOLE_PORT``."""

    name = "http"

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Serve until cancelled; raises OSError when the port is in use."""
        with _listen(self._context.settings) as listening:
            app = create_app(self._context)
            config = uvicorn.Config(
                app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S
            )
            server = _Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                await asyncio.shield(serving)
            finally:
                server.should_exit = True
                await serving


def _listen(settings: Settings) -> socket.socket:
    listening = socket.create_server((settings.console_bind, settings.console_port))
    listening.setblocking(False)
    return listening
