"""Logs once a day which answers expire soon or have expired."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from ivr.console.context import Context
from ivr.content.faq import Faq, load_faq

log = logging.getLogger(__name__)

AT = dt.time(6, 0)
"""Office time of the daily lines; the first lines are logged when the service starts."""


class ContentExpiry:
    """The job; it reads the FAQ again every day."""

    name = "expiry of answers"

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self) -> None:
        """Log until cancelled."""
        while True:
            faq = await asyncio.to_thread(load_faq, self._context.settings.root)
            now = self._context.now()
            for line in lines(faq, now.date()):
                log.warning("%s", line)
            await asyncio.sleep(pause(now))


def lines(faq: Faq, today: dt.date) -> list[str]:
    """One line for each answer of ``faq`` that has expired or expires within 30 days, most urgent first."""
    return [
        f"{intent} may no longer be spoken since {last}: callers hear the safe sentence"
        if today > last
        else f"{intent} may be spoken only until {last}: check the facts, then publish a new date"
        for last, intent in faq.expiring(today)
    ]


def pause(now: dt.datetime) -> float:
    """Seconds from ``now`` to the next daily lines."""
    next_day = now.date() + dt.timedelta(days=1 if now.time() >= AT else 0)
    return (dt.datetime.combine(next_day, AT, now.tzinfo) - now).total_seconds()
