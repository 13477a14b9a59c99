"""One simulated call: dial, do the steps, hang up or be hung up on, and report."""

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
from ivr.simulator.sip_line import open_line, wait_for_stasis

OnEvent = Callable[[dict[str, object]], None]
GREETING_S = 3.0
"""Seconds that a caller waits for the greeting before they press keys into the silence."""
CAUSES = {17: "busy", 18: "no answer", 19: "no answer", 21: "refused", 34: "no free line"}
"""Q.850 causes of an unanswered call, in words."""
MEDIA_CUT = "the test caller's own media was cut"


class CallerLine(Protocol):
    """A line as a caller uses it; ``SipLine`` and ``LightweightLine`` describe the methods."""

    channel_id: str
    ended: asyncio.Event

    @property
    def now(self) -> float: ...
    def answered(self) -> None: ...
    async def start_listening(self) -> None: ...
    async def handle_event(self, event: ev.AriEvent) -> None: ...
    async def say(self, pcm: bytes) -> None: ...
    async def press(self, keys: str) -> None: ...
    async def wait_for_speech(self, since: float, timeout_s: float) -> bool: ...
    async def wait_for_silence(self, quiet_s: float) -> None: ...
    def legs(self, length_s: float) -> Legs: ...


L = TypeVar("L", bound=CallerLine)


@dataclass(frozen=True)
class PlacedCall(Generic[L]):
    """A call that has ended and is not measured yet; the fields are those of ``CallReport``."""

    spec: CallSpec
    line: L
    hangup_by: str
    duration_s: float = 0.0
    call_id: str = ""
    failure: str = ""


async def call(ari: Ari, link: AriLink, spec: CallSpec, on_event: OnEvent = lambda event: None) -> CallReport:
    """Place a call, wait for its end and measure it.

    ari, link: the caller's own Asterisk.
    spec: the call.
    on_event: receives each event of ``ivr call --json`` (docs/commands.md).
    """
    placed = await place(ari, link, spec, partial(open_line, ari, link), on_event)
    found = await asyncio.to_thread(report, placed)
    if found.hangup_by != "nobody":
        _emit(found, on_event)
    return found


async def place(
    ari: Ari,
    link: AriLink,
    spec: CallSpec,
    open_line: Callable[[str], AbstractAsyncContextManager[tuple[L, str]]],
    on_event: OnEvent = lambda event: None,
) -> PlacedCall[L]:
    """Place a call and wait for its end.

    ``open_line`` takes a channel id and yields the line and the id of the bridge for the channel, or an empty id.
    The other arguments are those of ``call``.
    """
    utterances = await asyncio.to_thread(_load_utterances, spec.steps)
    channel_id = f"call-{secrets.token_hex(6)}"
    with link.events(channel_id) as events:
        async with open_line(channel_id) as (line, bridge):
            failure = await dial(ari, spec, channel_id, bridge, events)
            if failure:
                return PlacedCall(spec, line, "nobody", failure=failure)
            line.answered()
            try:
                await line.start_listening()
            except AriError as error:
                return PlacedCall(spec, line, "nobody", failure=str(error))
            on_event({"event": "answered", "t": 0.0})
            call_id = await _call_id(ari, channel_id)
            hangup_by = await _talk(ari, line, spec, utterances, events)
            failure = MEDIA_CUT if line.ended.is_set() else ""
            return PlacedCall(spec, line, hangup_by, line.now, call_id, failure)


def report(placed: PlacedCall[L]) -> CallReport:
    """Measure a call that has ended, and write its recording if the spec names one.  Blocks."""
    spec, duration = placed.spec, placed.duration_s
    if placed.hangup_by == "nobody":
        return CallReport(False, "nobody", 0.0, "", placed.failure)
    legs = placed.line.legs(duration)
    if spec.record is not None:
        channels = (resample(leg, RATE, spec.rate) for leg in (legs.caller, legs.service))
        write_wav(spec.record, join_stereo(*channels), spec.rate, channels=2)
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


async def dial(ari: Ari, spec: CallSpec, channel_id: str, bridge: str, events: ChannelEvents) -> str:
    """Create the channel, dial, and wait for the answer.

    bridge: id of the bridge that the channel enters, or empty.
    events: the channel's events.
    Returns why the call was not answered, or an empty string.
    """
    try:
        await ari.create_channel(f"PJSIP/service/{address(spec.to)}", channel_id, caller_id=spec.caller_id)
        await wait_for_stasis(events)
        if bridge:
            await ari.add_channel(bridge, channel_id)
        await ari.dial(channel_id, spec.ring_s)
        async with asyncio.timeout(spec.ring_s + 5):
            return await _dial_result(events)
    except (AriError, TimeoutError) as error:
        return str(error) or "no answer"


async def _dial_result(events: ChannelEvents) -> str:
    async for event in events:
        match event:
            case ev.Dial(status="ANSWER"):
                return ""
            case ev.ChannelDestroyed(cause=cause, cause_text=text):
                return CAUSES.get(cause, text)
            case ev.ChannelGone():
                break
    return "the test caller's own Asterisk lost the call"


async def _talk(
    ari: Ari, line: CallerLine, spec: CallSpec, utterances: dict[int, bytes], events: ChannelEvents
) -> str:
    """Do the steps until one side hangs up; returns which one: caller or service."""
    acting = asyncio.create_task(_act(line, spec, utterances))
    leaving = asyncio.create_task(_wait_for_end(line, events))
    cut = asyncio.create_task(line.ended.wait())
    try:
        async with asyncio.timeout(spec.max_s):
            await asyncio.wait({acting, leaving, cut}, return_when=asyncio.FIRST_COMPLETED)
            if acting.done() and not _hung_up(acting):
                await asyncio.wait({leaving, cut}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        pass
    finally:
        hangup_by = "service" if leaving.done() else "caller"
        for task in (acting, leaving, cut):
            task.cancel()
        await asyncio.gather(acting, leaving, cut, return_exceptions=True)
    if hangup_by == "caller":
        with contextlib.suppress(AriError):
            await ari.hangup(line.channel_id)
    return hangup_by


def _hung_up(acting: asyncio.Task[bool]) -> bool:
    """Whether the steps ended with a hang-up; steps that failed because the line was lost did not."""
    error = acting.exception()
    if error is not None and not isinstance(error, IvrError):
        raise error
    return error is None and acting.result()


async def _act(line: CallerLine, spec: CallSpec, utterances: dict[int, bytes]) -> bool:
    """Do all steps in order; returns True when the last one is to hang up."""
    acted_at = 0.0
    for index, step in enumerate(spec.steps):
        match step:
            case Digits(keys):
                await line.wait_for_speech(0.0, GREETING_S)
                await line.press(keys)
                acted_at = line.now
            case Say():
                await line.wait_for_speech(acted_at, spec.patience_s)
                await line.wait_for_silence(spec.quiet_s)
                await line.say(utterances[index])
                acted_at = line.now
            case Interrupt():
                if await line.wait_for_speech(acted_at, spec.patience_s):
                    await asyncio.sleep(spec.barge_s)
                await line.say(utterances[index])
                acted_at = line.now
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case HangUp():
                return True
    return False


async def _wait_for_end(line: CallerLine, events: ChannelEvents) -> None:
    async for event in events:
        await line.handle_event(event)
        if isinstance(event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelHangupRequest | ev.ChannelGone):
            return


async def _call_id(ari: Ari, channel_id: str) -> str:
    """The Call-ID of the SIP dialogue, which both ends know."""
    try:
        return await ari.variable(channel_id, "CHANNEL(pjsip,call-id)")
    except AriError:
        return ""


def address(to: str) -> str:
    """Add a user part to a SIP address: ``sip:127.0.0.1:5060`` becomes ``sip:accueil@127.0.0.1:5060``.

    Raises UsageError when ``to`` is no SIP address.
    """
    scheme, _, rest = to.partition(":")
    if scheme != "sip" or not rest:
        raise UsageError(f"{to}: write an address such as sip:127.0.0.1:5060")
    return to if "@" in rest else f"sip:accueil@{rest}"


def _load_utterances(steps: tuple[ScenarioStep, ...]) -> dict[int, bytes]:
    """The audio of every step that speaks, by the step's index."""
    return {
        index: read_audio(step.wav) for index, step in enumerate(steps) if isinstance(step, Say | Interrupt)
    }


def _emit(report: CallReport, on_event: OnEvent) -> None:
    for name, t in report.analysis.events():
        on_event({"event": name, "t": t})
    on_event({"event": "hangup", "t": report.duration_s, "by": report.hangup_by})
    on_event(report.summary())
