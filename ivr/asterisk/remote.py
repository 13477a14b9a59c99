"""An Asterisk that others keep: on another machine or in another container, with this instance's folder shared.

We write its configuration into the folder, as for a private one, and it reads that at its start and when told to.
"""

from __future__ import annotations

import asyncio
import time

from ivr.asterisk.process import RELOADED, Asterisk
from ivr.core.errors import SetupError

READY_S = 60.0
"""Seconds for its first answer: it may have been started together with us."""
LOOK_S = 0.5


class RemoteAsterisk(Asterisk):
    """Like a private one, but that somebody else starts and ends it."""

    async def start(self) -> None:
        """Return when ARI answers and today's configuration is read; raises SetupError when it does not answer."""
        deadline = time.monotonic() + READY_S
        while not await self.healthy():
            if time.monotonic() > deadline:
                raise SetupError(f"Asterisk does not answer at {self._settings.asterisk_url}")
            await asyncio.sleep(LOOK_S)
        await self.reload()

    async def stop(self) -> None:
        """It stays: callers go on in the dialplan, whose message box works without us."""

    def supervise(self) -> None:
        """Do nothing: it is supervised elsewhere, and our links connect to it again by themselves."""

    async def reload(self, *modules: str) -> None:
        """Read a newly rendered configuration; calls go on."""
        async with self._ari() as ari:
            for module in modules or RELOADED:
                await ari.reload_module(module)
