"""A caller of a drill: a key, a spoken question, and whatever then comes; he never knows what is being harmed.

He asks again when he was not understood, presses a topic's key when he is told to, leaves a message after any beep,
and gives up after a silence that no caller would sit through.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari_link import ChannelEvents
from ivr.core import events
from ivr.core.audio import read_audio, seconds
from ivr.core.errors import AriError
from ivr.reporting.recording_analysis import SpeechSpan
from ivr.simulator.caller import dial
from ivr.simulator.scenario import CallSpec
from ivr.simulator.sip_line import SipLine, open_line
from ivr.simulator.softphone import Softphone
from ivr.speech.caller_voices import caller_wav
from tests.drills.ledger import Ledger
from tests.drills.silence import Act, dead_air
from tests.drills.traffic import MESSAGES
from tests.service.calls import sounds
from tests.service.calls.words import Tourist

RINGS = 4
"""So often he calls when nobody answers."""
TURN_S = 1.0
"""Silence after which he takes his turn."""
HELLO_S, PATIENCE_S, LONGEST_S = 10.0, 25.0, 170.0
"""Silence after which he says it again; after which he gives up; his longest call."""
ASKS = 3
YES = {"fr": "Oui, s'il vous plaît.", "en": "Yes, please."}
TOPIC_KEYS = {"eiffel.price": "1", "notredame.access": "2"}
"""By ``topics`` of callflow.yml, when he is told to use keys."""
STEP_S = 0.25
BROKEN_S = 0.1
"""A beep with packets in it that were lost, or came in another order, is a beep."""


@dataclass
class Visit:
    """What came of it.  Moments by ``time.monotonic``, spans in seconds from the answer."""

    number: str
    began: float
    ended: float = 0.0
    rang: int = 0
    connected: bool = False
    connected_at: float = 0.0
    answered: bool = False
    right: bool = False
    message_s: float = 0.0
    message_at: float = 0.0
    gave_up: bool = False
    went_dead: bool = False
    waits: list[SpeechSpan] = field(default_factory=list)
    life: list[str] = field(default_factory=list)

    def note(self, now: float, what: str) -> None:
        """For the protocol."""
        self.life.append(f"{now:6.1f} {what}")


class Guest:
    """One caller; ``wants_message``: he asks for a person, and nobody is at the desk."""

    def __init__(
        self, phone: Softphone, ledger: Ledger, tourist: Tourist, number: str, *, wants_message: bool, to: str
    ) -> None:
        self.visit = Visit(number, time.monotonic())
        self._phone, self._ledger, self._tourist, self._to = phone, ledger, tourist, to
        self._wants_message = wants_message
        self._acts: list[Act] = []
        self._gone = asyncio.Event()
        self._acted = 0.0
        self._asked = self._pressed = 0
        self._over = 0.0

    async def calls(self) -> Visit:
        """From the first ring to the end."""
        while not self.visit.connected and self.visit.rang < RINGS:
            self.visit.rang += 1
            with contextlib.suppress(_NotAnswered):
                async with self._ring() as line:
                    self.visit.connected, self.visit.connected_at = True, time.monotonic()
                    await self._talk(line)
                    self._over = line.now
                await asyncio.to_thread(self._listen_back, line)
        self.visit.ended = time.monotonic()
        return self.visit

    @asynccontextmanager
    async def _ring(self) -> AsyncIterator[SipLine]:
        phone, id = self._phone, f"call-{secrets.token_hex(6)}"
        with phone.link.events(id) as channel:
            async with open_line(phone.ari, phone.link, id) as (line, bridge):
                spec = CallSpec(self._to, caller_id=self.visit.number)
                failure = await dial(phone.ari, spec, id, bridge, channel)
                if failure:
                    self.visit.note(0.0, f"not answered: {failure}")
                    await asyncio.sleep(2.0)
                    raise _NotAnswered
                line.answered()
                watching = asyncio.create_task(self._watch(channel))
                try:
                    yield line
                finally:
                    watching.cancel()

    async def _watch(self, channel: ChannelEvents) -> None:
        async for event in channel:
            if isinstance(
                event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelHangupRequest | ev.ChannelGone
            ):
                self._gone.set()
                return

    # the call

    async def _talk(self, line: SipLine) -> None:
        while not await self._is_over(line):
            if await self._beep(line):
                await self._leave_message(line)
                return
            last = max(line.last_voice or 0.0, self._acted)
            quiet = line.now - last
            if quiet > PATIENCE_S or line.now > LONGEST_S:
                self.visit.gave_up = True
                self._act(line, "gives up", impatient=quiet > PATIENCE_S)
                return
            spoken = line.last_voice is not None and line.last_voice > self._acted + 0.1
            if spoken and not self._pressed:
                await self._press(line, self._tourist.key)
            elif spoken and self._wants_message and self._pressed == 1 and line.now > self._acted + 1.5:
                await self._press(line, "0")
            elif spoken and quiet >= TURN_S and await self._turn(line):
                return
            elif quiet > HELLO_S * (1 + self._asked) and self._pressed:
                await self._ask(line, impatient=True)

    async def _is_over(self, line: SipLine) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), STEP_S)
        if self._gone.is_set():
            self.visit.went_dead = not self.visit.answered and not self.visit.message_s
            self.visit.note(line.now, "is hung up on")
        return self._gone.is_set()

    async def _turn(self, line: SipLine) -> bool:
        """It is his turn; True when he has hung up."""
        happened, put_back = self._lately()
        decided = [event for event in happened if isinstance(event, events.Decided)]
        latest = decided[-1] if decided else None
        if latest is not None and latest.decision == "answer":  # "follow" may have nothing to follow
            self.visit.answered = True
            self.visit.right = self.visit.right or latest.intent == self._tourist.intent
            self._act(line, f"was answered {latest.intent}, hangs up")
            return True
        if latest is not None and latest.intent == "human":
            return False  # on his way to a person or the voicemail
        if latest is not None and (latest.decision, latest.intent) == ("control", "menu"):
            await self._press(line, TOPIC_KEYS[self._tourist.intent])
        elif latest is not None and latest.decision == "confirm":
            await self._say(line, YES[self._tourist.lang])
        elif self._asked < ASKS and not (put_back and self._wants_message):
            await self._ask(line)
        else:
            await self._press(line, "0")
        return False

    def _lately(self) -> tuple[list[events.Event], bool]:
        """What happened in his call, from the moment on in which he was put back to the beginning, if he was."""
        happened = [item.event for item in self._ledger.story(self.visit.number)]
        begun = max(
            (at for at, event in enumerate(happened) if isinstance(event, events.CallStarted)), default=0
        )
        since = happened[begun:]
        put_back = begun > 0 and not any(isinstance(event, events.HandOff) for event in since)
        return (since if put_back else happened), put_back

    async def _ask(self, line: SipLine, *, impatient: bool = False) -> None:
        self._asked += 1
        await self._say(line, self._tourist.question, impatient=impatient)

    async def _say(self, line: SipLine, text: str, *, impatient: bool = False) -> None:
        pcm = await self._words(text)
        self._act(line, f"says {text}", impatient=impatient)
        await self._or_gone(line.say(pcm))
        self._acted = line.now

    async def _press(self, line: SipLine, keys: str) -> None:
        self._pressed += 1
        self._act(line, f"presses {keys}")
        with contextlib.suppress(AriError):
            await line.press(keys)

    async def _beep(self, line: SipLine) -> bool:
        """Whether a beep has just ended."""
        heard = line.heard.pcm(line.now)
        start = max(self._acted, line.now - 2.0)
        return bool(await sounds.beeps(sounds.cut(heard, start, line.now - 0.1), BROKEN_S))

    async def _leave_message(self, line: SipLine) -> None:
        pcm = await self._words(MESSAGES[self._tourist.lang])
        self._act(line, "leaves a message")
        self.visit.message_at = time.monotonic()
        self._over = began = line.now
        await self._or_gone(line.say(pcm))
        self.visit.message_s = max(0.1, min(seconds(pcm), line.now - began))
        await self._or_gone(asyncio.sleep(0.7))
        self.visit.note(line.now, f"has said {self.visit.message_s:.1f} s of it")

    async def _or_gone(self, doing: object) -> None:
        """Until it is done, or the line is gone."""
        tasks = {asyncio.ensure_future(doing), asyncio.ensure_future(self._gone.wait())}  # type: ignore[call-overload]
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _act(self, line: SipLine, what: str, *, impatient: bool = False) -> None:
        self._acted = line.now
        self._acts.append(Act(self._acted, impatient))
        self.visit.note(self._acted, what)

    async def _words(self, text: str) -> bytes:
        return await asyncio.to_thread(
            lambda: read_audio(caller_wav(self._tourist.lang, text, self._tourist.voice))
        )

    def _listen_back(self, line: SipLine) -> None:
        """What he waited for, from both legs as he had them; the time of his message is his own."""
        message = [act.at for act in self._acts][-1:] if self.visit.message_s else []
        until = message[0] if message else self._over
        said, heard = line.said.pcm(self._over), line.heard.pcm(self._over)
        self.visit.waits = dead_air(said, heard, self._acts, until, 1.0)


class _NotAnswered(Exception):
    """Nobody answered."""
