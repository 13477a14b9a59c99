"""How often a number has asked for a callback today, known to a call without asking the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from sqlalchemy.exc import SQLAlchemyError

from ivr.core.pseudonyms import Pseudonyms
from ivr.store import callbacks
from ivr.store.database import open_store

log = logging.getLogger(__name__)

EVERY_S = 5.0
DAY_S = 86_400.0


class CallbackQuota:
    """A copy of the counts, a few seconds old; while the database is away the last one that was read."""

    def __init__(self, address: str, pseudonyms: Pseudonyms, country: str) -> None:
        self._address, self._pseudonyms, self._country = address, pseudonyms, country
        self._for: Counter[str] = Counter()
        self._from: Counter[str] = Counter()

    def count(self, number: str) -> int:
        """Callbacks of the last 24 hours that were asked for from ``number`` (``+33...``), or are to it."""
        callers = self._pseudonyms.all_of(number, self._country)
        return max(self._for[number], sum(self._from[caller] for caller in callers))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.read)
            except SQLAlchemyError as error:
                log.warning("database away (%s): callbacks are counted as before", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    def read(self) -> None:
        """Read the counts; blocks."""
        engine = open_store(self._address)
        try:
            self._for, self._from = callbacks.asked(engine, time.time() - DAY_S)
        finally:
            engine.dispose()
