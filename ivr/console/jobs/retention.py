"""Deletes expired data every hour, by the ``retention`` section of callflow.yml."""

from __future__ import annotations

import asyncio

from ivr.console.context import Context
from ivr.store.purge import purge

EVERY_S = 3600.0


class RetentionJob:
    """The job."""

    name = "retention"

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Delete until cancelled."""
        while True:
            days = self._context.callflow.retention.model_dump()
            await asyncio.to_thread(purge, self._context.settings, self._context.store, days)
            await asyncio.sleep(EVERY_S)
