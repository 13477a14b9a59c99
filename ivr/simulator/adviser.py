"""A simulated adviser: registers at the service as a telephone, is rung, and reacts according to a plan."""

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
    """What an adviser does when their telephone rings; ``busy`` and ``rejected`` are ARI hang-up reasons."""

    ANSWER = "answer"
    BUSY = "busy"
    DECLINE = "rejected"
    IGNORE = "ignore"


@dataclass(frozen=True)
class AdviserPlan:
    """How an adviser reacts to every call.

    reaction: what they do when rung.
    after_s: seconds of ringing before they do it.
    keys: keys pressed after answering.  1 accepts the offered call and 2 refuses it.  A mobile's voicemail
        presses none.
    keys_after_s: seconds between the answer and the keys.
    say: audio files to play after the keys.
    hang_up_after_s: seconds from the end of the last file to the hang-up.  With None the adviser stays until the
        caller or the service ends the call.
    cut_off_s: seconds from the answer after which the line breaks, even in the middle of speech; None: never.
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
    """One call that rang at the adviser.

    ended_by: ``caller`` or ``adviser``.
    duration_s: seconds from the answer to the end.
    caller: the caller's number as the adviser's telephone shows it.
    heard, said: what the adviser heard and said, s16le mono 16 kHz.
    """

    answered: bool
    ended_by: str
    duration_s: float
    caller: str
    heard: bytes = b""
    said: bytes = b""


class SimulatedAdviser:
    """A registered adviser: ``name`` is the endpoint, ``plan`` the reaction, ``rung`` is set by the first call."""

    def __init__(self, name: str, plan: AdviserPlan) -> None:
        self.name, self.plan = name, plan
        self.rung = asyncio.Event()
        self._calls: asyncio.Queue[AdviserCall] = asyncio.Queue()

    async def next_call(self, timeout_s: float = 30.0) -> AdviserCall:
        """Return the next call that has ended, in order; raises TimeoutError after ``timeout_s`` seconds."""
        async with asyncio.timeout(timeout_s):
            return await self._calls.get()

    async def handle(self, ari: Ari, link: AriLink, arrival: Arrival) -> None:
        """React to the ringing call ``arrival``; ``ari`` and ``link`` belong to the telephone that it rings."""
        self.rung.set()
        with arrival.events:
            try:
                call = await self._react(ari, link, arrival)
            except (AriError, TimeoutError):
                call = _unanswered("caller", arrival)
        self._calls.put_nowait(call)

    async def _react(self, ari: Ari, link: AriLink, arrival: Arrival) -> AdviserCall:
        ended = asyncio.create_task(_wait_for_end(arrival))
        try:
            await ari.ring(arrival.channel.id)
            ignore = self.plan.reaction is Reaction.IGNORE
            await asyncio.wait({ended}, timeout=None if ignore else self.plan.after_s)
            if ended.done():
                return _unanswered("caller", arrival)
            if self.plan.reaction is Reaction.ANSWER:
                return await self._talk(ari, link, arrival, ended)
            await ari.hangup(arrival.channel.id, self.plan.reaction.value)
            return _unanswered("adviser", arrival)
        finally:
            ended.cancel()

    async def _talk(
        self, ari: Ari, link: AriLink, arrival: Arrival, ended: asyncio.Task[None]
    ) -> AdviserCall:
        utterances = [await asyncio.to_thread(read_audio, wav) for wav in self.plan.say]
        async with open_line(ari, link, arrival.channel.id) as (line, bridge):
            await ari.answer(arrival.channel.id)
            await ari.add_channel(bridge, arrival.channel.id)
            line.answered()
            speaking = asyncio.create_task(self._speak(line, utterances))
            try:
                await asyncio.wait(
                    {ended, speaking}, timeout=self.plan.cut_off_s, return_when=asyncio.FIRST_COMPLETED
                )
                if self.plan.hang_up_after_s is None and speaking.done():
                    await ended
            finally:
                speaking.cancel()
            ended_by, duration = ("caller" if ended.done() else "adviser"), line.now
        return AdviserCall(
            answered=True,
            ended_by=ended_by,
            duration_s=round(duration, 3),
            caller=arrival.channel.caller,
            heard=line.heard.pcm(duration),
            said=line.said.pcm(duration),
        )

    async def _speak(self, line: SipLine, utterances: list[bytes]) -> None:
        if self.plan.keys:
            await asyncio.sleep(self.plan.keys_after_s)
            await line.press(self.plan.keys)
        for pcm in utterances:
            await line.say(pcm)
        await asyncio.sleep(self.plan.hang_up_after_s or 0.0)


def _unanswered(ended_by: str, arrival: Arrival) -> AdviserCall:
    return AdviserCall(answered=False, ended_by=ended_by, duration_s=0.0, caller=arrival.channel.caller)


async def _wait_for_end(arrival: Arrival) -> None:
    async for event in arrival.events:
        if isinstance(event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelGone):
            return
