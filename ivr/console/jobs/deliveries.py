"""Sends the notifications of the outbox, with growing pauses between attempts, also after a restart.

Each is delivered at least once under one id: a process that dies before it records a delivery sends it again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ivr.console.context import Context
from ivr.core.errors import NotDelivered, NotStored
from ivr.store import inbox, outbox
from ivr.store.rows import DeliveryRow, MessageRow

log = logging.getLogger(__name__)

EVERY_S = 1.0
BATCH = 4
FIRST_S, LONGEST_S = 10.0, 3600.0
"""Pause after the first failure; it doubles after each further failure, up to the longest."""
GIVE_UP_S = 3 * 86_400.0
"""Three days, as long as large payment services retry their webhooks."""


class Sender(Protocol):
    """A channel of notifications."""

    @property
    def channel(self) -> str:
        """Name of the channel in the outbox."""

    async def send(self, delivery: DeliveryRow, message: MessageRow) -> None:
        """Send ``delivery`` about ``message``; raises NotDelivered, whose reason holds no data of the caller."""


class Deliveries:
    """Sends the due notifications of one channel, so that a slow channel does not delay the other."""

    def __init__(self, context: Context, sender: Sender) -> None:
        self._store, self._sender = context.store, sender
        self.name = f"{sender.channel} deliveries"

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Attempt a few of the due deliveries."""
        found = await asyncio.to_thread(outbox.due, self._store, self._sender.channel, time.time(), BATCH)
        ended = await asyncio.gather(*map(self._attempt, found), return_exceptions=True)
        failures = [one for one in ended if isinstance(one, BaseException)]
        if failures:
            raise failures[0]  # when all have ended: one that fails cancels no other in mid-sending

    async def _attempt(self, delivery: DeliveryRow) -> None:
        if not await asyncio.to_thread(outbox.claim, self._store, delivery, time.time()):
            return  # another process sends it
        try:
            message = await asyncio.to_thread(inbox.one, self._store, delivery.message_id)
            await self._sender.send(delivery, message)
        except NotStored:
            await asyncio.to_thread(outbox.failed, self._store, delivery.id, "the message is gone", None)
        except NotDelivered as error:
            await self._retry_later(delivery, str(error))
        except SQLAlchemyError:
            raise  # the job begins again; the claim ends by itself
        except Exception as error:  # one delivery must not end the job, nor cancel the others
            log.exception("notification %s failed unforeseen", delivery.id)
            await self._retry_later(delivery, f"{type(error).__name__}: see the console's log")
        else:
            await asyncio.to_thread(outbox.sent, self._store, delivery.id)

    async def _retry_later(self, delivery: DeliveryRow, error: str) -> None:
        attempts, now = delivery.attempts + 1, time.time()
        next_at: float | None = now + pause(attempts)
        if now - delivery.created > GIVE_UP_S:
            next_at = None
            log.error(
                "ALARM: notification %s is given up after %d attempts: %s", delivery.id, attempts, error
            )
        else:
            log.warning("notification %s failed, attempt %d: %s", delivery.id, attempts, error)
        await asyncio.to_thread(outbox.failed, self._store, delivery.id, error, next_at)


def pause(attempts: int) -> float:
    """Seconds to wait after ``attempts`` failures, with random jitter so that retries do not coincide."""
    longest = min(FIRST_S * 2.0 ** min(attempts - 1, 30), LONGEST_S)
    return random.uniform(longest / 2, longest)
