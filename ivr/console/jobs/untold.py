"""Reports messages and callbacks of which nobody was told, at once and then once a day.

A message counts as told when a notification of it was delivered; a callback when an adviser is rung for it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterator

from ivr.console.context import Context
from ivr.store import callbacks, outbox
from ivr.store.rows import CallbackRow, MessageRow
from ivr.store.states import CallbackState

log = logging.getLogger(__name__)

EVERY_S = 600.0
AGAIN_S = 86_400.0
"""Seconds between two alarms about the same thing."""


class UntoldReport:
    """The job."""

    name = "report of untold messages"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told_at: dict[str, float] = {}

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.to_thread(self.once)
            await asyncio.sleep(EVERY_S)

    def once(self) -> None:
        """Log an alarm for each kind that is there and was not reported within a day."""
        now = self._context.now()
        found = dict(self._lines(now))
        for kind, line in found.items():
            if now.timestamp() - self._told_at.get(kind, 0.0) >= AGAIN_S:
                log.error("ALARM: %s", line)
                self._told_at[kind] = now.timestamp()
        for kind in self._told_at.keys() - found.keys():
            del self._told_at[kind]

    def _lines(self, now: dt.datetime) -> Iterator[tuple[str, str]]:
        store, moment = self._context.store, now.timestamp()
        messages = outbox.untold(store, moment)
        if messages:
            yield "messages", _about_messages(messages, now.tzinfo)
        late = [task for task in callbacks.pending(store) if _is_left(task, moment)]
        if late:
            yield (
                "late",
                (
                    f"{len(late)} callbacks were not made in the promised time, and nobody has taken them: "
                    "call these people (`ivr callbacks list`)"
                ),
            )
        closed = [task for task in callbacks.listed(store, CallbackState.CLOSED) if _is_news(task, moment)]
        if closed:
            yield (
                "closed",
                f"{len(closed)} callbacks were given up since yesterday: `ivr callbacks list` names them",
            )


def _about_messages(messages: list[MessageRow], zone: dt.tzinfo | None) -> str:
    urgent = sum(bool(message.urgency) for message in messages)
    oldest = dt.datetime.fromtimestamp(messages[0].left_at, zone)
    return (
        f"nobody was told of {len(messages)} messages ({urgent} urgent), the oldest of {oldest:%Y-%m-%d %H:%M}: "
        "look with `ivr voicemails list --state new`; fill in notify in callflow.yml, or mend its mail server"
    )


def _is_left(task: CallbackRow, now: float) -> bool:
    """Whether the promised time is over, and neither a person nor the service has begun."""
    return task.state == CallbackState.OPEN and not task.owner and (task.moves > 0 or task.end < now)


def _is_news(task: CallbackRow, now: float) -> bool:
    """Whether the service gave it up within the last day; people who close one know of it."""
    return not task.owner and task.ended_at is not None and now - task.ended_at < AGAIN_S
