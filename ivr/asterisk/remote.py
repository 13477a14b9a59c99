"""An Asterisk in another container or on another machine, started by others, which shares this instance's folder.

The service writes the configuration into the folder.  Asterisk reads it when it starts and when it is told to reload.
"""

from __future__ import annotations

import asyncio
import time

from ivr.asterisk.process import RELOADED, Asterisk
from ivr.core.errors import SetupError

READY_S = 60.0
"""Seconds for its first answer, since it may be starting at the same time."""
LOOK_S = 0.5
"""Seconds between attempts."""


class RemoteAsterisk(Asterisk):
    """Like ``Asterisk``, but others start and stop the process."""

    async def start(self) -> None:
        """Return when ARI answers and the configuration is read; raises SetupError when it does not answer."""
        deadline = time.monotonic() + READY_S
        while not await self.healthy():
            if time.monotonic() > deadline:
                raise SetupError(f"Asterisk does not answer at {self._settings.asterisk_url}")
            await asyncio.sleep(LOOK_S)
        await self.reload()

    async def stop(self) -> None:
        """Do nothing: callers continue in the dialplan, whose voicemail works without the service."""

    def supervise(self) -> None:
        """Do nothing: it is supervised elsewhere, and our links connect to it again by themselves."""

    async def reload(self, *modules: str) -> None:
        """Read a newly rendered configuration; calls go on."""
        async with self._ari() as ari:
            for module in modules or RELOADED:
                await ari.reload_module(module)
