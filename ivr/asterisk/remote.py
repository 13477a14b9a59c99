"""An Asterisk in another container or on another machine, started by others, which shares this instance's folder.

The service writes the configuration into the folder.  Asterisk reads it when it starts and when it is told to reload.
"""

from __future__ import annotations

import asyncio
import logging

from ivr.asterisk.process import RELOADED, Asterisk
from ivr.core.errors import AriError, SetupError
from ivr.core.processes import cancelled
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

READY_S = 60.0
"""Seconds for its first answer, since it may be starting at the same time."""
AGAIN_S = 5.0
"""Seconds until a reload that failed is tried again."""


class RemoteAsterisk(Asterisk):
    """Like ``Asterisk``, but others start and stop the process."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._first_reload: asyncio.Task[None] | None = None

    def require(self) -> None:
        """Do nothing: whether it is installed is seen when it answers."""

    def own_files(self) -> None:
        """Do nothing: it runs under the user of this process."""

    async def start(self) -> None:
        """Return when ARI answers and the configuration is read; raises SetupError when it does not answer."""
        try:
            async with asyncio.timeout(READY_S):
                await self.answers()
        except TimeoutError:
            raise SetupError(f"Asterisk does not answer at {self._settings.asterisk_url}") from None
        await self.reload()

    async def stop(self) -> None:
        """Leave it running: callers continue in the dialplan, whose voicemail works without the service."""
        if self._first_reload is not None:
            await cancelled(self._first_reload)

    def supervise(self) -> None:
        """Make it read the configuration once it answers; it is supervised elsewhere, and our links reconnect."""
        self._first_reload = asyncio.create_task(self._reload_when_up(), name="first reload of Asterisk")

    async def reload(self, *modules: str) -> None:
        """Read a newly rendered configuration; calls go on."""
        async with self._ari() as ari:
            for module in modules or RELOADED:
                await ari.reload_module(module)

    async def _reload_when_up(self) -> None:
        while True:
            await self.answers()
            try:
                return await self.reload()
            except AriError as error:
                log.warning("Asterisk did not read its configuration (%s); trying again", error)
            await asyncio.sleep(AGAIN_S)
