"""How it looks at the desk for a caller who wants a person: Asterisk's queues as they are now, played forward."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from ivr.asterisk import queues
from ivr.content.callflow import Callflow
from ivr.content.callflow.wait_estimate import HandlingTime, WaitEstimate, queue_of, seats, standing
from ivr.core.errors import AmiError
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

LONGEST_S = 1.0
"""A caller hears nothing while we look; after that nothing is told."""
ON_HIS_WAY_S = 8.0
"""So long it takes a caller to be told his time and to stand in the queue."""


@dataclass(frozen=True)
class _Coming:
    """A caller who was told his time and is not in his queue yet; ``since``: seconds of the monotonic clock."""

    queue: str
    first: int
    since: float


class QueueForecast:
    """One per worker: it knows those who are on their way to a queue, too."""

    def __init__(self, settings: Settings, callflow: Callflow) -> None:
        self._settings, self._callflow = settings, callflow
        self._coming: dict[str, _Coming] = {}

    async def foresee(self, call_id: str, lang: str, first: int) -> WaitEstimate | None:
        """For this call, which counts as one that is coming from now on; None when Asterisk does not tell."""
        try:
            async with asyncio.timeout(LONGEST_S), queues.connect(self._settings) as ami:
                (members, waiting), handled = await queues.queue_status(ami), await queues.handling_times(ami)
        except (AmiError, TimeoutError) as error:
            log.warning("the queue of %s cannot be looked at: %s", lang, str(error) or "no answer in time")
            return None
        self._forget({one.call_id for one in waiting} | {call_id})
        line = [(one.first, one.queue) for one in waiting]
        line += [(one.first, one.queue) for one in self._coming.values()]
        self._coming[call_id] = _Coming(queue_of(lang), first, time.monotonic())
        before = [queue for place, queue in sorted(line, key=lambda one: -one[0]) if place >= first]
        return standing(seats(members), [*before, queue_of(lang)], HandlingTime(*handled), self._callflow)

    def _forget(self, there: set[str]) -> None:
        """Those who have arrived in the queue, or have changed their mind."""
        now = time.monotonic()
        self._coming = {
            id: one for id, one in self._coming.items() if id not in there and now - one.since < ON_HIS_WAY_S
        }


async def no_forecast(call_id: str, lang: str, first: int) -> WaitEstimate | None:
    """Where there is no desk to look at."""
    return None
