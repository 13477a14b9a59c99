"""Who is to be told of which message: new ones at once, unanswered ones again.

It writes into the outbox alone; ``deliveries`` does the sending.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time

from ivr.console.context import Context
from ivr.content.callflow.opening import open_seconds
from ivr.store import outbox
from ivr.store.outbox import Target
from ivr.store.rows import MessageRow

EVERY_S = 2.0
ROUNDS = 15
"""Reminders are looked for every so many rounds: half a minute."""
TRANSCRIPT_S = 120.0
"""So long a message waits for its transcript; then people are told without it."""
HOUR_S = 3600.0


class StaffNotifier:
    """Puts news and reminders of messages into the outbox."""

    name = "announcer"

    def __init__(self, context: Context) -> None:
        self._context, self._notify = context, context.callflow.notify

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.to_thread(self.remind)
            for _ in range(ROUNDS):
                await asyncio.to_thread(self.announce)
                await asyncio.sleep(EVERY_S)

    def announce(self) -> None:
        """Tell of messages that nobody was told of; with nobody to tell, they count as told of."""
        for message in outbox.unannounced(self._context.store, time.time() - TRANSCRIPT_S):
            outbox.announce(self._context.store, message, self._targets(message))

    def remind(self) -> None:
        """Tell again of messages that have waited too long."""
        for message in outbox.unanswered(self._context.store, self._notify.reminders):
            patience = self._notify.remind_h * HOUR_S * (message.reminded + 1)
            if self._waited(message) >= patience:
                outbox.remind(self._context.store, message, self._targets(message))

    def _waited(self, message: MessageRow) -> float:
        """Seconds in which somebody could have answered: those of opening hours, all of them for an urgent one."""
        now = time.time()
        if message.urgency:
            return now - message.left_at
        left, asked = (dt.datetime.fromtimestamp(at, dt.UTC) for at in (message.left_at, now))
        return open_seconds(self._context.callflow.hours, left, asked)

    def _targets(self, message: MessageRow) -> list[Target]:
        return self._notify.targets(message.lang, urgent=bool(message.urgency))
