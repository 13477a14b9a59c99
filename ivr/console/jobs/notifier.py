"""Decides who is notified of a message: of a new one at once, of an unanswered one again.

It only writes to the outbox; ``deliveries`` sends.
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
from ivr.store.states import MessageState

EVERY_S = 2.0
ROUNDS = 15
"""Rounds between two checks for reminders: half a minute."""
TRANSCRIPT_S = 120.0
"""Seconds that a new message waits for its transcript before people are notified without it."""
HOUR_S = 3600.0


class StaffNotifier:
    """Puts notifications and reminders into the outbox."""

    name = "notifier"

    def __init__(self, context: Context) -> None:
        self._context, self._notify = context, context.callflow.notify

    async def run(self) -> None:
        """Notify until cancelled."""
        while True:
            await asyncio.to_thread(self.remind)
            for _ in range(ROUNDS):
                await asyncio.to_thread(self.announce)
                await asyncio.sleep(EVERY_S)

    def announce(self) -> None:
        """Notify of new messages.

        Without recipients a message waits until there are some, or a person has found it (`UntoldReport` reports it).
        """
        if not self._notify.anybody:
            return
        for message in outbox.unannounced(self._context.store, time.time() - TRANSCRIPT_S):
            targets = self._targets(message) if message.state == MessageState.NEW else []
            if targets or message.state != MessageState.NEW:
                outbox.announce(self._context.store, message, targets)

    def remind(self) -> None:
        """Notify again of messages that have waited too long."""
        if not self._notify.anybody:
            return
        for message in outbox.unanswered(self._context.store, self._notify.reminders):
            limit_s = self._notify.remind_h * HOUR_S * (message.reminded + 1)
            if self._waited(message) >= limit_s:
                outbox.remind(self._context.store, message, self._targets(message))

    def _waited(self, message: MessageRow) -> float:
        """Seconds of opening hours since the message; for an urgent message all seconds count."""
        now = time.time()
        if message.urgency:
            return now - message.left_at
        left, until = (dt.datetime.fromtimestamp(at, dt.UTC) for at in (message.left_at, now))
        return open_seconds(self._context.callflow.hours, left, until)

    def _targets(self, message: MessageRow) -> list[Target]:
        return self._notify.targets(message.lang, urgent=bool(message.urgency))
