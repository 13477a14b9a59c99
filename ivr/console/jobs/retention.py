"""Deletes expired data every hour, by the ``retention`` section of callflow.yml."""

from __future__ import annotations

import asyncio
import time

from ivr.console.context import Context
from ivr.store.purge import purge
from ivr.store.purge_hold import may_purge

EVERY_S = 3600.0


class RetentionJob:
    """The job."""

    name = "retention"

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Delete until cancelled."""
        while True:
            await asyncio.to_thread(self._purge)
            await asyncio.sleep(EVERY_S)

    def _purge(self) -> None:
        settings = self._context.settings
        if may_purge(settings.state_dir.purge_clock, time.time()):
            purge(settings, self._context.store, self._context.callflow.retention.model_dump())
