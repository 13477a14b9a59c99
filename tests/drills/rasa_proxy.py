"""A proxy between the worker and Rasa that answers late or wrongly on demand."""

from __future__ import annotations

import asyncio
from typing import Self

import httpx

from tests.fakes.wire import Answer, Request, Socket, Wire

SLOW_S = 5.0
GARBAGE = b"<html>it works!</html>"


class RasaProxy:
    """Passes requests on to ``rasa``.  ``fault`` is empty, ``slow``, ``error`` (status 500) or ``garbage``."""

    def __init__(self, rasa: str) -> None:
        self.fault = ""
        self._client = httpx.AsyncClient(base_url=rasa, timeout=10.0, trust_env=False)
        self._wire = Wire(self._answer, self._no_sockets, lambda request: None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._wire.port}"

    async def __aenter__(self) -> Self:
        await self._wire.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._wire.stop()
        await self._client.aclose()

    async def _answer(self, request: Request) -> Answer:
        if self.fault == "error":
            return 500, {"status": "failure"}
        if self.fault == "garbage":
            return 200, GARBAGE
        if self.fault == "slow":
            await asyncio.sleep(SLOW_S)
        response = await self._client.request(request.method, request.target, json=request.values or None)
        return response.status_code, response.content

    async def _no_sockets(self, kind: str, request: Request, socket: Socket) -> None:
        socket.close()
