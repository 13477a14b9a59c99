"""The console over real HTTP: its application on uvicorn, its store, and a client with the token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from ivr.console.api.server import ConsoleServer
from ivr.console.context import Context, open_context
from ivr.core.settings import Settings
from tests.service.calls.store import until


@dataclass
class RunningConsole:
    """A running console: its context, and a client with the token."""

    context: Context
    http: httpx.AsyncClient


@contextlib.asynccontextmanager
async def open_console(settings: Settings) -> AsyncIterator[RunningConsole]:
    """Run the HTTP server without jobs on the instance's port."""
    context = open_context(settings)
    serving = asyncio.create_task(ConsoleServer(context).run())
    base = f"http://127.0.0.1:{settings.console_port}"
    token = {"Authorization": f"Bearer {settings.secrets['CONSOLE_TOKEN']}"}
    async with httpx.AsyncClient(base_url=base, headers=token) as client:
        try:
            await until_up(client)
            yield RunningConsole(context, client)
        finally:
            serving.cancel()
            await asyncio.wait({serving})
            context.store.close()


async def until_up(client: httpx.AsyncClient) -> None:
    """Wait until the console answers."""

    async def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await client.get("/health")).status_code == 200
        return False

    await until(answers, "the console does not answer")
