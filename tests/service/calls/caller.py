"""A simulated caller: presses keys, asks, interrupts, hangs up, and keeps what they heard."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari_link import ChannelEvents
from ivr.core import events
from ivr.core.audio import read_audio
from ivr.reporting.recording_analysis import Analysis, analyse
from ivr.simulator.caller import dial
from ivr.simulator.scenario import CallSpec
from ivr.simulator.sip_line import SipLine, open_line
from ivr.simulator.softphone import Softphone
from ivr.speech.caller_voices import caller_wav
from ivr.store.rows import CallRow
from tests.service.calls import sounds
from tests.service.calls.store import Store, told

E = TypeVar("E", bound=events.Event)
PATIENCE_S = 30.0
"""Longest wait for the service's next word; the language menu and a slow machine included."""


@dataclass(frozen=True)
class Record:
    """A call that is over: its row in the store, its events, and both legs as the caller had them."""

    row: CallRow
    story: tuple[events.Stamped, ...]
    said: bytes
    heard: bytes

    async def analysis(self) -> Analysis:
        """Who spoke when, in the audio that the caller heard."""
        return await asyncio.to_thread(analyse, self.said, self.heard)

    def all(self, kind: type[E]) -> list[E]:
        """The call's events of one kind, in order."""
        return [item.event for item in self.story if isinstance(item.event, kind)]

    @property
    def prompts(self) -> list[str]:
        """Keys of what the service said, in order."""
        return [said.key for said in self.all(events.Said)]

    @property
    def told(self) -> str:
        """All that happened, a line each, for a test that fails."""
        return told(self.story)

    def prompt(self, key: str) -> events.Said:
        """The first thing said under that key."""
        found = [said for said in self.all(events.Said) if said.key == key]
        assert found, f"{key} was never said:\n{self.told}"
        return found[0]

    def audio_of(self, said: events.Said) -> bytes:
        """What the caller heard of it, with a little around it."""
        return sounds.cut(self.heard, said.start_s - 0.2, said.start_s + said.heard_s + 0.4)


class Caller:
    """One call that runs.  Times are seconds from the answer."""

    def __init__(
        self, store: Store, phone: Softphone, line: SipLine, number: str, lang: str, voice: str | None
    ) -> None:
        self.number, self.lang, self.voice = number, lang, voice
        self._store, self._phone, self._line = store, phone, line
        self._acted = 0.0
        self._ended: float | None = None
        self._gone = asyncio.Event()

    @property
    def now(self) -> float:
        """Seconds since the answer."""
        return self._line.now

    @property
    def acted(self) -> float:
        """When the caller had last done something."""
        return self._acted

    async def press(self, keys: str) -> None:
        """Press keys, at once but for the very first word of the service."""
        await self._line.wait_for_speech(0.0, PATIENCE_S)
        await self._line.press(keys)
        self._acted = self.now

    async def ask(self, text: str, lang: str = "") -> None:
        """Speak when the service has answered what came before and is quiet."""
        pcm = await self.words(text, lang)
        await self.hears_out()
        await self.speak(pcm)

    async def decided(self, question: str) -> events.Decided:
        """The decision about a question; asked once more when the service did not understand it."""
        first = await self.until(events.Decided)
        if first.decision != "confirm":
            return first
        await self.ask(question)
        return await self.until(events.Decided, lambda decided: decided.decision != "confirm")

    async def asks_for(self, intent: str, question: str) -> events.Decided:
        """Ask until that is understood; once more when frames of the question came late and it was misheard."""
        await self.ask(question)
        try:
            return await self.until(events.Decided, lambda decided: decided.intent == intent, 10.0)
        except AssertionError:
            await self.ask(question)
            return await self.until(events.Decided, lambda decided: decided.intent == intent)

    async def hears_out(self) -> None:
        """Until the service has said all it had to say since the caller's last act."""
        acted = self._acted
        await self.until(
            events.Said, lambda said: not said.interrupted and said.start_s + said.heard_s > acted
        )

    async def hears(self, pcm: bytes, timeout_s: float = PATIENCE_S) -> None:
        """Until most of this sound was heard since the caller's last act."""
        deadline = self.now + timeout_s
        while await sounds.share_of(pcm, sounds.cut(self.heard(), self._acted, self.now)) < 0.7:
            assert self.now < deadline, "it was not heard"
            await asyncio.sleep(0.2)

    async def until_beep(self) -> None:
        """Until a beep is over that came after the caller's last act."""
        deadline = self.now + PATIENCE_S
        while True:
            heard = sounds.cut(self.heard(), self._acted, self.now - 0.1)
            if await sounds.beeps(heard):
                return
            assert self.now < deadline, "no beep"
            await asyncio.sleep(0.1)

    async def listen(self, seconds: float = 0.0) -> None:
        """Until the service has been speaking for so long since the caller's last act."""
        assert await self._line.wait_for_speech(self._acted, PATIENCE_S), f"silence after {self._acted:.1f} s"
        await self.until_time(self.now + seconds)

    async def cut_in(self, text: str, after_s: float = 1.0, lang: str = "") -> float:
        """Speak into the service's words when it has been speaking for ``after_s``; returns when."""
        pcm = await self.words(text, lang)
        await self.listen(after_s)
        began = self.now
        await self.speak(pcm)
        return began

    async def speak(self, pcm: bytes) -> None:
        """Speak at once."""
        await self._line.say(pcm)
        self._acted = self.now

    def acts(self) -> None:
        """What the service says from now on counts as its answer."""
        self._acted = self.now

    async def sound(self, pcm: bytes) -> None:
        """Make a noise that is not meant to be answered."""
        await self._line.say(pcm)

    async def words(self, text: str, lang: str = "") -> bytes:
        """A sentence in the caller's voice."""
        return await asyncio.to_thread(lambda: read_audio(self._wav(text, lang)))

    async def hang_up(self) -> None:
        """Put the receiver down."""
        self._over()
        await self._phone.ari.hangup(self._line.channel_id)

    async def until_time(self, moment: float) -> None:
        """Until so many seconds from the answer."""
        await asyncio.sleep(max(0.0, moment - self.now))

    async def until_hung_up_on(self, timeout_s: float = PATIENCE_S) -> None:
        """Until the service hangs up."""
        try:
            await asyncio.wait_for(self._gone.wait(), timeout_s)
        except TimeoutError:
            raise AssertionError("the service did not hang up") from None

    async def until(
        self, kind: type[E], check: Callable[[E], bool] = lambda event: True, timeout_s: float = PATIENCE_S
    ) -> E:
        """The first such event of this call in the store."""
        return await self._store.event(self.number, kind, check, timeout_s)

    async def until_prompt(self, key: str, lang: str, timeout_s: float = PATIENCE_S) -> events.Said:
        """Until the service has said this."""
        return await self.until(events.Said, lambda said: (said.key, said.lang) == (key, lang), timeout_s)

    async def call_id(self) -> str:
        """The service's name for this call."""
        row = await self._store.call(self.number)
        return row.id

    async def record(self, *, recording: bool = True) -> Record:
        """The whole call, when the service has written it up."""
        row, story = await self._store.finished(self.number, recording=recording)
        return Record(row, story, self.said(), self.heard())

    def heard(self) -> bytes:
        """What the caller has heard so far, slin16."""
        return self._line.heard.pcm(self._length())

    def said(self) -> bytes:
        """What the caller has said so far, slin16, aligned with ``heard``."""
        return self._line.said.pcm(self._length())

    def _length(self) -> float:
        return self.now if self._ended is None else self._ended

    def _over(self) -> None:
        self._ended = self._length()

    async def _watch(self, channel: ChannelEvents) -> None:
        async for event in channel:
            if isinstance(
                event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelHangupRequest | ev.ChannelGone
            ):
                self._over()
                self._gone.set()
                return

    def _wav(self, text: str, lang: str) -> Path:
        lang = lang or self.lang
        return caller_wav(lang, text, self.voice if lang == self.lang else None)


@asynccontextmanager
async def calling(
    store: Store, phone: Softphone, to: str, number: str, lang: str, voice: str | None = None
) -> AsyncIterator[Caller]:
    """A call from dialling to hanging up."""
    id = f"call-{secrets.token_hex(6)}"
    with phone.link.events(id) as channel:
        async with open_line(phone.ari, phone.link, id) as (line, bridge):
            failure = await dial(phone.ari, CallSpec(to, caller_id=number), id, bridge, channel)
            assert not failure, f"the call was not answered: {failure}"
            line.answered()
            caller = Caller(store, phone, line, number, lang, voice)
            watching = asyncio.create_task(caller._watch(channel))
            try:
                yield caller
            finally:
                caller._over()
                watching.cancel()
