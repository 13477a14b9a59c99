"""Keeps the announced waiting time of waiting callers up to date.

Asterisk's own estimate is the mean of past waits; ours simulates the queue with the present advisers.  The job sets
each channel's language to one whose announcements contain the waiting time, for example ``en_60``
(``ivr/call/dialogue/announcements.py``).  Asterisk takes missing sounds from ``en``.  Without this job callers hear
only their place in the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ivr.asterisk import queues
from ivr.asterisk.ami import Ami
from ivr.asterisk.contract import CHANNEL_LANGUAGE
from ivr.asterisk.queues import Member, WaitingCaller
from ivr.console.context import Context
from ivr.content.callflow import Callflow
from ivr.content.callflow.wait_estimate import HandlingTime, seats, told, waits
from ivr.core.errors import AmiError
from ivr.core.pbx_names import language_of

log = logging.getLogger(__name__)

EVERY_S = 5.0


@dataclass(frozen=True)
class AnnouncedWait:
    """A waiting caller's channel and language, and the seconds to announce (0: none)."""

    channel: str
    lang: str
    seconds: int


class WaitAnnouncements:
    """The job.  It reads the queues every five seconds and changes only channels that wait in them."""

    name = "waiting times"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._set: dict[str, str] = {}

    async def run(self) -> None:
        """Update until cancelled; an Asterisk that does not answer is asked again."""
        while True:
            try:
                async with queues.connect(self._context.settings) as ami:
                    await self._once(ami)
            except AmiError as error:
                log.debug("waiting times: %s", error)
            await asyncio.sleep(EVERY_S)

    async def _once(self, ami: Ami) -> None:
        members, waiting = await queues.queue_status(ami)
        handling = HandlingTime(*await queues.handling_times(ami)) if waiting else HandlingTime()
        languages = {
            wait.channel: f"{wait.lang}_{wait.seconds}" if wait.seconds else wait.lang
            for wait in estimates(self._context.callflow, members, waiting, handling)
        }
        for channel, language in languages.items():
            if self._set.get(channel) != language:
                await ami.action("Setvar", Channel=channel, Variable=CHANNEL_LANGUAGE, Value=language)
        self._set = languages


def estimates(
    callflow: Callflow, members: Sequence[Member], waiting: Sequence[WaitingCaller], handling: HandlingTime
) -> Iterator[AnnouncedWait]:
    """Estimate what to announce to each waiting caller, in queue order.

    callflow: languages and rules.
    members: the advisers' states.
    waiting: the callers in the order in which they are served.
    handling: how long conversations take.
    """
    queue = [caller.queue for caller in waiting]
    for caller, wait_s in zip(waiting, waits(seats(members), queue, handling, callflow), strict=True):
        yield AnnouncedWait(caller.channel, language_of(caller.queue), told(wait_s, callflow))
