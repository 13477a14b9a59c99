"""Supervises the classifier process.  It survives worker restarts, so the model is not reloaded."""

from __future__ import annotations

import asyncio

import httpx

from ivr.core.settings import Settings
from ivr.service.child_process import CLASSIFIER
from ivr.service.socket_process import LOADING, MISSED, PING_S, SocketProcess


class ClassifierProcess(SocketProcess):
    """The process that ``ivr.nlu.client`` asks at the socket ``path``; it serves the content of ``settings``."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the classifier of ``settings``."""
        super().__init__(settings, CLASSIFIER, "classifier", settings.classifier_socket)

    async def _watch(self) -> None:
        """Any status is a sign of life: without a model it is 409."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.path))
        async with httpx.AsyncClient(
            base_url="http://classifier", transport=transport, timeout=PING_S, trust_env=False
        ) as client:
            missed, allowed, pid = 0, LOADING, 0
            while True:
                if pid != self.pid:
                    missed, allowed, pid = 0, LOADING, self.pid
                try:
                    await client.get("/status")
                    missed, allowed = 0, MISSED
                except httpx.HTTPError:
                    missed += 1
                if missed >= allowed:
                    self._kill(missed * PING_S)
                await asyncio.sleep(PING_S)
