"""Estimates the wait for an adviser: Asterisk's queues as they are now, simulated forward."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from ivr.asterisk import queues
from ivr.content.callflow import Callflow
from ivr.content.callflow.wait_estimate import HandlingTime, WaitEstimate, seats, standing
from ivr.core.errors import AmiError
from ivr.core.pbx_names import queue_of
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

LONGEST_S = 1.0
"""Seconds that Asterisk may take to answer: the caller hears nothing meanwhile.  After that there is no estimate."""
ARRIVES_S = 8.0
"""Seconds from the estimate until a caller has heard it and stands in the queue."""


@dataclass(frozen=True)
class _Arriving:
    """A caller who has an estimate and is not in the queue yet; ``since``: seconds of the monotonic clock."""

    queue: str
    priority: int
    since: float


class QueueForecast:
    """Estimates waits for one worker, which counts its callers on their way to a queue, too.

    settings: where Asterisk's manager interface is.  callflow: advisers and limits.
    """

    def __init__(self, settings: Settings, callflow: Callflow) -> None:
        self._settings, self._callflow = settings, callflow
        self._arriving: dict[str, _Arriving] = {}

    async def estimate(self, call_id: str, lang: str, priority: int) -> WaitEstimate | None:
        """Estimate the wait of a call, which from now on counts as arriving in the queue.

        call_id: the call.  lang: its language.  priority: its place before others; 0: behind them.

        Returns None when Asterisk does not answer in time.
        """
        try:
            async with asyncio.timeout(LONGEST_S), queues.connect(self._settings) as ami:
                (members, waiting), handled = await queues.queue_status(ami), await queues.handling_times(ami)
        except (AmiError, TimeoutError) as error:
            log.warning("the queue of %s cannot be read: %s", lang, str(error) or "no answer in time")
            return None
        self._forget({one.call_id for one in waiting} | {call_id})
        line = [(one.first, one.queue) for one in waiting]
        line += [(one.priority, one.queue) for one in self._arriving.values()]
        self._arriving[call_id] = _Arriving(queue_of(lang), priority, time.monotonic())
        before = [queue for place, queue in sorted(line, key=lambda one: -one[0]) if place >= priority]
        return standing(seats(members), [*before, queue_of(lang)], HandlingTime(*handled), self._callflow)

    def _forget(self, waiting: set[str]) -> None:
        """Drop callers who are in the queue, or have not come."""
        now = time.monotonic()
        self._arriving = {
            id: one for id, one in self._arriving.items() if id not in waiting and now - one.since < ARRIVES_S
        }


async def no_forecast(call_id: str, lang: str, priority: int) -> WaitEstimate | None:
    """Return no estimate: there are no queues."""
    return None
