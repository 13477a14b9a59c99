"""The job that keeps the waiting time honest which callers are told again and again while they wait.

Asterisk's own figure is the mean of past waits; ours follows from who waits before whom, and who is there.  Each
caller's channel is given the language whose announcements hold the waiting time (``en_60``;
``ivr/call/dialogue/announcements.py``).
What is not in that folder Asterisk takes from ``en``.  Without this job he is told his place alone.
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
    """A waiting caller's channel, his language, and the seconds he is to be told (0: nothing)."""

    channel: str
    lang: str
    seconds: int


class WaitAnnouncements:
    """Looks at the queues every few seconds, and only touches channels of those who wait in them."""

    name = "waiting times"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._set: dict[str, str] = {}

    async def run(self) -> None:
        """Until cancelled; an Asterisk that is away is looked at again."""
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
        wanted = {
            one.channel: f"{one.lang}_{one.seconds}" if one.seconds else one.lang
            for one in estimates(self._context.callflow, members, waiting, handling)
        }
        for channel, language in wanted.items():
            if self._set.get(channel) != language:
                await ami.action("Setvar", Channel=channel, Variable=CHANNEL_LANGUAGE, Value=language)
        self._set = wanted


def estimates(
    callflow: Callflow, members: Sequence[Member], waiting: Sequence[WaitingCaller], handling: HandlingTime
) -> Iterator[AnnouncedWait]:
    """What everybody who waits, in the order of their turn, is to be told now.  Pure."""
    line = [one.queue for one in waiting]
    for one, wait_s in zip(waiting, waits(seats(members), line, handling, callflow), strict=True):
        yield AnnouncedWait(one.channel, language_of(one.queue), told(wait_s, callflow))
