"""An adviser played by the test caller: registers at the service, is rung, and reacts as planned."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink, Arrival
from ivr.core.audio import read_audio
from ivr.core.errors import AriError
from ivr.simulator.sip_line import SipLine, open_line


class Reaction(StrEnum):
    """What an adviser does when rung."""

    ANSWER = "answer"
    BUSY = "busy"
    DECLINE = "rejected"
    IGNORE = "ignore"


@dataclass(frozen=True)
class AdviserPlan:
    """How to react, after how many seconds of ringing; when answering, which files to say and when to
    hang up.

    ``keys`` are pressed ``keys_after_s`` after picking up: 1 takes the call that is offered, 2 refuses it, none
    is what a mobile's voicemail does.  ``hang_up_after_s`` counts from the last word; None stays until the
    caller or the service ends the call.  ``cut_off_s`` after picking up the line breaks, whoever speaks.
    """

    reaction: Reaction = Reaction.ANSWER
    after_s: float = 0.5
    keys: str = "1"
    keys_after_s: float = 0.3
    say: tuple[Path, ...] = ()
    hang_up_after_s: float | None = None
    cut_off_s: float | None = None


@dataclass(frozen=True)
class AdviserCall:
    """One time the adviser was rung: what he heard and said (s16le mono 16 kHz), who ended it."""

    answered: bool
    ended_by: str
    duration_s: float
    caller: str
    heard: bytes = b""
    said: bytes = b""


class SimulatedAdviser:
    """A registered adviser; ``await next_call()`` gives the calls he had, in order."""

    def __init__(self, name: str, plan: AdviserPlan) -> None:
        self.name, self.plan = name, plan
        self.rung = asyncio.Event()
        self._calls: asyncio.Queue[AdviserCall] = asyncio.Queue()

    async def next_call(self, timeout_s: float = 30.0) -> AdviserCall:
        """The next call that is over; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            return await self._calls.get()

    async def take(self, ari: Ari, link: AriLink, arrival: Arrival) -> None:
        """React to one ringing call."""
        self.rung.set()
        with arrival.events:
            try:
                call = await self._react(ari, link, arrival)
            except (AriError, TimeoutError):
                call = AdviserCall(False, "caller", 0.0, arrival.channel.caller)
        self._calls.put_nowait(call)

    async def _react(self, ari: Ari, link: AriLink, arrival: Arrival) -> AdviserCall:
        gone = asyncio.create_task(_until_gone(arrival))
        try:
            await ari.ring(arrival.channel.id)
            ignore = self.plan.reaction is Reaction.IGNORE
            await asyncio.wait({gone}, timeout=None if ignore else self.plan.after_s)
            if gone.done():
                return AdviserCall(False, "caller", 0.0, arrival.channel.caller)
            if self.plan.reaction is Reaction.ANSWER:
                return await self._talk(ari, link, arrival, gone)
            await ari.hangup(arrival.channel.id, self.plan.reaction.value)
            return AdviserCall(False, "adviser", 0.0, arrival.channel.caller)
        finally:
            gone.cancel()

    async def _talk(self, ari: Ari, link: AriLink, arrival: Arrival, gone: asyncio.Task[None]) -> AdviserCall:
        words = [await asyncio.to_thread(read_audio, wav) for wav in self.plan.say]
        async with open_line(ari, link, arrival.channel.id) as (line, bridge):
            await ari.answer(arrival.channel.id)
            await ari.add_channel(bridge, arrival.channel.id)
            line.answered()
            talking = asyncio.create_task(self._speak(line, words))
            try:
                await asyncio.wait(
                    {gone, talking}, timeout=self.plan.cut_off_s, return_when=asyncio.FIRST_COMPLETED
                )
                if self.plan.hang_up_after_s is None and talking.done():
                    await gone
            finally:
                talking.cancel()
            by, duration = ("caller" if gone.done() else "adviser"), line.now
        return AdviserCall(
            True,
            by,
            round(duration, 3),
            arrival.channel.caller,
            line.heard.pcm(duration),
            line.said.pcm(duration),
        )

    async def _speak(self, line: SipLine, words: list[bytes]) -> None:
        if self.plan.keys:
            await asyncio.sleep(self.plan.keys_after_s)
            await line.press(self.plan.keys)
        for pcm in words:
            await line.say(pcm)
        await asyncio.sleep(self.plan.hang_up_after_s or 0.0)


async def _until_gone(arrival: Arrival) -> None:
    async for event in arrival.events:
        if isinstance(event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelGone):
            return
