"""The outbox's other end: each delivery is tried until it is taken, with growing pauses, over restarts.

At least once, under one id: a sender that dies between delivering and writing it down delivers again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Protocol

from ivr.console.context import Context
from ivr.core.errors import NotDelivered, NotStored
from ivr.store import inbox, outbox
from ivr.store.rows import DeliveryRow, MessageRow

log = logging.getLogger(__name__)

EVERY_S = 1.0
AT_ONCE = 4
FIRST_S, LONGEST_S = 10.0, 3600.0
"""The pause after the first failure, doubled after each further one, up to the longest."""
GIVE_UP_S = 3 * 86_400.0
"""Three days: as long as the large payment services try their webhooks."""


class Sender(Protocol):
    """One channel."""

    @property
    def channel(self) -> str:
        """Its name in the outbox."""

    async def send(self, delivery: DeliveryRow, message: MessageRow) -> None:
        """Deliver; raises NotDelivered with a reason that holds nothing of the caller's."""


class Deliveries:
    """Sends what is due on one channel; a slow one does not hold up the other."""

    def __init__(self, context: Context, sender: Sender) -> None:
        self._store, self._sender = context.store, sender
        self.name = f"{sender.channel} deliveries"

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """One attempt at a few that are due."""
        found = await asyncio.to_thread(outbox.due, self._store, self._sender.channel, time.time(), AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for delivery in found:
                tasks.create_task(self._attempt(delivery))

    async def _attempt(self, delivery: DeliveryRow) -> None:
        if not await asyncio.to_thread(outbox.claim, self._store, delivery, time.time()):
            return  # another process has it
        try:
            message = await asyncio.to_thread(inbox.one, self._store, delivery.message_id)
            await self._sender.send(delivery, message)
        except NotStored:
            await asyncio.to_thread(outbox.failed, self._store, delivery.id, "the message is gone", None)
        except NotDelivered as error:
            await self._again(delivery, str(error))
        else:
            await asyncio.to_thread(outbox.sent, self._store, delivery.id)

    async def _again(self, delivery: DeliveryRow, error: str) -> None:
        attempts, now = delivery.attempts + 1, time.time()
        again: float | None = now + pause(attempts)
        if now - delivery.created > GIVE_UP_S:
            again = None
            log.error(
                "ALARM: notification %s is given up after %d attempts: %s", delivery.id, attempts, error
            )
        else:
            log.warning("notification %s failed, attempt %d: %s", delivery.id, attempts, error)
        await asyncio.to_thread(outbox.failed, self._store, delivery.id, error, again)


def pause(attempts: int) -> float:
    """Seconds after so many failed attempts; by chance, so that not all come back at the same instant."""
    longest = min(FIRST_S * 2.0 ** min(attempts - 1, 30), LONGEST_S)
    return random.uniform(longest / 2, longest)
