"""A simulated caller of a drill, who does not know which fault is injected.

They press a key and ask a question.  They ask again when they were not understood, press a topic's key when told to,
and leave a message after any beep.  They give up after a silence that no caller would accept.
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
from tests.drills.event_log import EventLog
from tests.drills.silence import CallerAction, dead_air
from tests.drills.traffic import MESSAGES
from tests.service.calls import sounds
from tests.service.calls.words import Tourist

RINGS = 4
"""Attempts to call when nobody answers."""
TURN_S = 1.0
"""Silence after which the caller acts."""
HELLO_S, PATIENCE_S, LONGEST_S = 10.0, 25.0, 170.0
"""Seconds of silence after which they repeat the question, and give up; longest call in seconds."""
ASKS = 3
YES = {"fr": "Oui, s'il vous plaît.", "en": "Yes, please."}
TOPIC_KEYS = {"eiffel.price": "1", "notredame.access": "2"}
"""Intent -> key of its topic in callflow.yml, for a caller who is told to use keys."""
STEP_S = 0.25
BROKEN_S = 0.1
"""A beep may contain gaps from lost or reordered packets of this many seconds."""


@dataclass
class CallTrace:
    """What happened in a call.  Times are by ``time.monotonic``; ``waits`` are seconds from the answer."""

    number: str
    began: float
    ended: float = 0.0
    rings: int = 0
    connected: bool = False
    connected_at: float = 0.0
    answered: bool = False
    right: bool = False
    message_s: float = 0.0
    message_at: float = 0.0
    gave_up: bool = False
    line_dead: bool = False
    waits: list[SpeechSpan] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, now: float, what: str) -> None:
        """Add a line to the details of a failed drill."""
        self.notes.append(f"{now:6.1f} {what}")


class DrillCaller:
    """One caller.  With ``wants_message`` they ask for a person, and nobody is at the desk."""

    def __init__(
        self,
        phone: Softphone,
        event_log: EventLog,
        tourist: Tourist,
        number: str,
        *,
        wants_message: bool,
        to: str,
    ) -> None:
        self.trace = CallTrace(number, time.monotonic())
        self._phone, self._event_log, self._tourist, self._to = phone, event_log, tourist, to
        self._wants_message = wants_message
        self._actions: list[CallerAction] = []
        self._ended = asyncio.Event()
        self._acted = 0.0
        self._asked = self._pressed = 0
        self._ended_at = 0.0

    async def call(self) -> CallTrace:
        """Call, from the first ring to the end."""
        while not self.trace.connected and self.trace.rings < RINGS:
            self.trace.rings += 1
            with contextlib.suppress(_NotAnswered):
                async with self._ring() as line:
                    self.trace.connected, self.trace.connected_at = True, time.monotonic()
                    await self._talk(line)
                    self._ended_at = line.now
                await asyncio.to_thread(self._measure_waits, line)
        self.trace.ended = time.monotonic()
        return self.trace

    @asynccontextmanager
    async def _ring(self) -> AsyncIterator[SipLine]:
        phone, id = self._phone, f"call-{secrets.token_hex(6)}"
        with phone.link.events(id) as channel:
            async with open_line(phone.ari, phone.link, id) as (line, bridge):
                spec = CallSpec(self._to, caller_id=self.trace.number)
                failure = await dial(phone.ari, spec, id, bridge, channel)
                if failure:
                    self.trace.note(0.0, f"not answered: {failure}")
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
                self._ended.set()
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
                self.trace.gave_up = True
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
            await asyncio.wait_for(self._ended.wait(), STEP_S)
        if self._ended.is_set():
            self.trace.line_dead = not self.trace.answered and not self.trace.message_s
            self.trace.note(line.now, "is hung up on")
        return self._ended.is_set()

    async def _turn(self, line: SipLine) -> bool:
        """Act on what the service decided; returns True when the caller has hung up."""
        recent, put_back = self._recent_events()
        decided = [event for event in recent if isinstance(event, events.Decided)]
        latest = decided[-1] if decided else None
        if latest is not None and latest.decision == "answer":  # "follow" may have nothing to follow
            self.trace.answered = True
            self.trace.right = self.trace.right or latest.intent == self._tourist.intent
            self._act(line, f"was answered {latest.intent}, hangs up")
            return True
        if latest is not None and latest.intent == "human":
            return False  # the service transfers the caller to a person or the voicemail
        if latest is not None and (latest.decision, latest.intent) == ("control", "menu"):
            await self._press(line, TOPIC_KEYS[self._tourist.intent])
        elif latest is not None and latest.decision == "confirm":
            await self._say(line, YES[self._tourist.lang])
        elif self._asked < ASKS and not (put_back and self._wants_message):
            await self._ask(line)
        else:
            await self._press(line, "0")
        return False

    def _recent_events(self) -> tuple[list[events.Event], bool]:
        """The call's events, and whether it was put back to the beginning; then only the events since."""
        happened = [item.event for item in self._event_log.story(self.trace.number)]
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
        pcm = await self._speech(text)
        self._act(line, f"says {text}", impatient=impatient)
        await self._unless_ended(line.say(pcm))
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
        pcm = await self._speech(MESSAGES[self._tourist.lang])
        self._act(line, "leaves a message")
        self.trace.message_at = time.monotonic()
        self._ended_at = began = line.now
        await self._unless_ended(line.say(pcm))
        self.trace.message_s = max(0.1, min(seconds(pcm), line.now - began))
        await self._unless_ended(asyncio.sleep(0.7))
        self.trace.note(line.now, f"has said {self.trace.message_s:.1f} s of it")

    async def _unless_ended(self, doing: object) -> None:
        """Wait until ``doing`` is done or the call has ended."""
        tasks = {asyncio.ensure_future(doing), asyncio.ensure_future(self._ended.wait())}  # type: ignore[call-overload]
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _act(self, line: SipLine, what: str, *, impatient: bool = False) -> None:
        self._acted = line.now
        self._actions.append(CallerAction(self._acted, impatient))
        self.trace.note(self._acted, what)

    async def _speech(self, text: str) -> bytes:
        return await asyncio.to_thread(
            lambda: read_audio(caller_wav(self._tourist.lang, text, self._tourist.voice))
        )

    def _measure_waits(self, line: SipLine) -> None:
        """Measure the caller's waits in both legs, up to the start of their message."""
        message = [action.at for action in self._actions][-1:] if self.trace.message_s else []
        until = message[0] if message else self._ended_at
        said, heard = line.said.pcm(self._ended_at), line.heard.pcm(self._ended_at)
        self.trace.waits = dead_air(said, heard, self._actions, until, 1.0)


class _NotAnswered(Exception):
    """The call was not answered."""
