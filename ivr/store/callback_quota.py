"""How many callbacks a number has asked for today, known to a call without a question to the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from sqlalchemy.exc import SQLAlchemyError

from ivr.core.errors import StoreError
from ivr.core.pseudonyms import Pseudonyms
from ivr.store import callbacks
from ivr.store.database import Store

log = logging.getLogger(__name__)

EVERY_S = 5.0
DAY_S = 86_400.0


class CallbackQuota:
    """A copy of the counts, a few seconds old; while the database is away, the last one that was read."""

    def __init__(self, store: Store, pseudonyms: Pseudonyms, country: str) -> None:
        """``country``: the country code of national numbers, for example ``+33``."""
        self._store, self._pseudonyms, self._country = store, pseudonyms, country
        self._by_number: Counter[str] = Counter()
        self._by_caller: Counter[str] = Counter()
        self._elsewhere = 0

    def count(self, number: str) -> int:
        """Callbacks of the last 24 hours to ``number`` (``+33...``) or asked for from it, whichever is more."""
        callers = self._pseudonyms.all_of(number, self._country)
        return max(self._by_number[number], sum(self._by_caller[caller] for caller in callers))

    def elsewhere(self) -> int:
        """Callbacks of the last 24 hours to other numbers than the one that their caller called from."""
        return self._elsewhere

    async def run(self) -> None:
        """Read the counts every few seconds, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.read)
            except (SQLAlchemyError, StoreError) as error:  # away, or of another version of the program
                log.warning("database away (%s): callbacks are counted as before", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    def read(self) -> None:
        """Read the counts; blocks.  Raises SQLAlchemyError when the database is away."""
        asked = callbacks.asked_since(self._store, time.time() - DAY_S)
        self._by_number = Counter(number for number, _ in asked)
        self._by_caller = Counter(caller for _, caller in asked if caller)
        self._elsewhere = sum(
            caller not in self._pseudonyms.all_of(number, self._country) for number, caller in asked
        )
