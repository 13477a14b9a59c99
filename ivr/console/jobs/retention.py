"""Every hour: what is past its retention is deleted."""

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
        """Until cancelled."""
        here = self._context
        while True:
            days = here.callflow.retention.model_dump()
            await asyncio.to_thread(purge, here.settings, here.store, days)
            await asyncio.sleep(EVERY_S)
