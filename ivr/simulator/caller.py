"""One test call: dial, go through the steps, hang up or be hung up on, report."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink, ChannelEvents
from ivr.core.audio import RATE, join_stereo, read_audio, resample, write_wav
from ivr.core.errors import AriError, IvrError, UsageError
from ivr.reporting.recording_analysis import analyse
from ivr.simulator.recording_track import Legs
from ivr.simulator.scenario import CallReport, CallSpec, Digits, HangUp, Interrupt, Say, ScenarioStep, Wait
from ivr.simulator.sip_line import open_line

OnEvent = Callable[[dict[str, object]], None]
FIRST_WORD_S = 3.0
"""Seconds a caller waits for a greeting before he presses keys into the silence."""
REFUSALS = {17: "busy", 18: "no answer", 19: "no answer", 21: "refused", 34: "no free line"}
"""Q.850 causes a caller meets, in words."""
CUT = "the test caller's own media was cut"


class CallerLine(Protocol):
    """A line as a caller uses it: ``Line`` or ``LightLine``, where what these do is written."""

    channel_id: str
    ended: asyncio.Event

    @property
    def now(self) -> float: ...
    def answered(self) -> None: ...
    async def attend(self) -> None: ...
    async def noticed(self, event: ev.AriEvent) -> None: ...
    async def say(self, pcm: bytes) -> None: ...
    async def press(self, keys: str) -> None: ...
    async def until_speaking(self, since: float, patience_s: float) -> bool: ...
    async def until_quiet(self, quiet_s: float) -> None: ...
    def legs(self, length_s: float) -> Legs: ...


L = TypeVar("L", bound=CallerLine)


@dataclass(frozen=True)
class PlacedCall(Generic[L]):
    """A call that is over and not measured yet; see ``CallReport``."""

    spec: CallSpec
    line: L
    hangup_by: str
    duration_s: float = 0.0
    call_id: str = ""
    failure: str = ""


async def call(ari: Ari, link: AriLink, spec: CallSpec, on_event: OnEvent = lambda event: None) -> CallReport:
    """Place the call, wait for its end and report; events of the contract go to ``on_event``."""
    placed = await place(ari, link, spec, partial(open_line, ari, link), on_event)
    found = await asyncio.to_thread(report, placed)
    if found.hangup_by != "nobody":
        _tell(found, on_event)
    return found


async def place(
    ari: Ari,
    link: AriLink,
    spec: CallSpec,
    opened: Callable[[str], AbstractAsyncContextManager[tuple[L, str]]],
    on_event: OnEvent = lambda event: None,
) -> PlacedCall[L]:
    """Place the call and wait for its end.  ``opened`` gives the line of a channel and the id of the bridge that it
    must be put in, if any."""
    utterances = await asyncio.to_thread(_load, spec.steps)
    channel_id = f"call-{secrets.token_hex(6)}"
    with link.events(channel_id) as events:
        async with opened(channel_id) as (line, bridge):
            failure = await _dial(ari, spec, channel_id, bridge, events)
            if failure:
                return PlacedCall(spec, line, "nobody", failure=failure)
            line.answered()
            try:
                await line.attend()
            except AriError as error:
                return PlacedCall(spec, line, "nobody", failure=str(error))
            on_event({"event": "answered", "t": 0.0})
            call_id = await _call_id(ari, channel_id)
            by = await _talk(ari, line, spec, utterances, events)
            return PlacedCall(spec, line, by, line.now, call_id, CUT if line.ended.is_set() else "")


def report(placed: PlacedCall[L]) -> CallReport:
    """Measure a call that is over, and write its recording where one is wanted."""
    spec, duration = placed.spec, placed.duration_s
    if placed.hangup_by == "nobody":
        return CallReport(False, "nobody", 0.0, "", placed.failure)
    legs = placed.line.legs(duration)
    if spec.record is not None:
        sides = (resample(leg, RATE, spec.rate) for leg in (legs.caller, legs.service))
        write_wav(spec.record, join_stereo(*sides), spec.rate, channels=2)
    return CallReport(
        ok=not placed.failure,
        hangup_by=placed.hangup_by,
        duration_s=round(duration, 3),
        call_id=placed.call_id,
        failure=placed.failure,
        analysis=analyse(legs.caller, legs.service),
        gaps=legs.holes,
        recording=spec.record,
        caller=legs.caller,
        service=legs.service,
    )


async def _dial(ari: Ari, spec: CallSpec, channel_id: str, bridge: str, events: ChannelEvents) -> str:
    """Call and wait for the answer; returns why there was none, or an empty string."""
    try:
        await ari.create_channel(f"PJSIP/service/{address(spec.to)}", channel_id, caller_id=spec.caller_id)
        await _wait_for(events, ev.StasisStart)
        if bridge:
            await ari.add_channel(bridge, channel_id)
        await ari.dial(channel_id, spec.ring_s)
        async with asyncio.timeout(spec.ring_s + 5):
            return await _outcome(events)
    except (AriError, TimeoutError) as error:
        return str(error) or "no answer"


async def _outcome(events: ChannelEvents) -> str:
    async for event in events:
        match event:
            case ev.Dial(status="ANSWER"):
                return ""
            case ev.ChannelDestroyed(cause=cause, cause_text=text):
                return REFUSALS.get(cause, text)
            case ev.ChannelGone():
                break
    return "the test caller's own Asterisk lost the call"


async def _wait_for(events: ChannelEvents, kind: type[ev.ChannelEvent]) -> None:
    async with asyncio.timeout(5):
        async for event in events:
            if isinstance(event, kind):
                return


async def _talk(
    ari: Ari, line: CallerLine, spec: CallSpec, utterances: dict[int, bytes], events: ChannelEvents
) -> str:
    """Go through the steps until somebody hangs up; returns who did: caller or service."""
    acting = asyncio.create_task(_act(line, spec, utterances))
    leaving = asyncio.create_task(_until_gone(line, events))
    cut = asyncio.create_task(line.ended.wait())
    try:
        async with asyncio.timeout(spec.max_s):
            await asyncio.wait({acting, leaving, cut}, return_when=asyncio.FIRST_COMPLETED)
            if acting.done() and not _hung_up(acting):
                await asyncio.wait({leaving, cut}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        pass
    finally:
        by = "service" if leaving.done() else "caller"
        for task in (acting, leaving, cut):
            task.cancel()
        await asyncio.gather(acting, leaving, cut, return_exceptions=True)
    if by == "caller":
        with contextlib.suppress(AriError):
            await ari.hangup(line.channel_id)
    return by


def _hung_up(acting: asyncio.Task[bool]) -> bool:
    """Whether the steps ended with hanging up; steps that failed because the line went dead did not."""
    error = acting.exception()
    if error is not None and not isinstance(error, IvrError):
        raise error
    return error is None and acting.result()


async def _act(line: CallerLine, spec: CallSpec, utterances: dict[int, bytes]) -> bool:
    """All steps in order; True when the last of them was to hang up."""
    acted = 0.0
    for index, step in enumerate(spec.steps):
        match step:
            case Digits(keys):
                await line.until_speaking(0.0, FIRST_WORD_S)
                await line.press(keys)
                acted = line.now
            case Say():
                await line.until_speaking(acted, spec.patience_s)
                await line.until_quiet(spec.quiet_s)
                await line.say(utterances[index])
                acted = line.now
            case Interrupt():
                if await line.until_speaking(acted, spec.patience_s):
                    await asyncio.sleep(spec.barge_s)
                await line.say(utterances[index])
                acted = line.now
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case HangUp():
                return True
    return False


async def _until_gone(line: CallerLine, events: ChannelEvents) -> None:
    async for event in events:
        await line.noticed(event)
        if isinstance(event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelHangupRequest | ev.ChannelGone):
            return


async def _call_id(ari: Ari, channel_id: str) -> str:
    """The SIP dialogue's Call-ID, which both ends know."""
    try:
        return await ari.variable(channel_id, "CHANNEL(pjsip,call-id)")
    except AriError:
        return ""


def address(to: str) -> str:
    """A SIP address with a user part: ``sip:127.0.0.1:5060`` becomes ``sip:accueil@127.0.0.1:5060``."""
    scheme, _, rest = to.partition(":")
    if scheme != "sip" or not rest:
        raise UsageError(f"{to}: write an address such as sip:127.0.0.1:5060")
    return to if "@" in rest else f"sip:accueil@{rest}"


def _load(steps: tuple[ScenarioStep, ...]) -> dict[int, bytes]:
    """The audio of every step that speaks, by its place."""
    return {
        index: read_audio(step.wav) for index, step in enumerate(steps) if isinstance(step, Say | Interrupt)
    }


def _tell(report: CallReport, on_event: OnEvent) -> None:
    for name, t in report.analysis.events():
        on_event({"event": name, "t": t})
    on_event({"event": "hangup", "t": report.duration_s, "by": report.hangup_by})
    on_event(report.summary())
