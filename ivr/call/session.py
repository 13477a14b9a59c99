"""One call, from its arrival in our application to its end: one task group, nothing left behind.

The dialplan's dead-man timer is renewed from here, so that a stuck call too ends in the fallback.  This is the
call boundary: whatever fails in a conversation, the caller goes on in the dialplan.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink, Arrival
from ivr.asterisk.parameters import PbxParameters
from ivr.call.audio.leg import CallLeg
from ivr.call.audio.listener import Listener
from ivr.call.audio.player import Player
from ivr.call.dialogue.script import Dialogue
from ivr.call.live_caller import EstimateWait, LiveCaller, SpeechAndNlu
from ivr.call.queue_outlook import no_forecast
from ivr.call.recording_optout import RecordingOptOut, nothing
from ivr.content.bundle import Content
from ivr.core import events
from ivr.core.errors import AriError, CallEnded, CallerGone, LeftToDialplan, LinkLost
from ivr.core.vocabulary import CallOutcome, FaultPart, Party, TransferStatus
from ivr.speech.stt import Recogniser
from ivr.speech.vad import BatchedVad
from ivr.store.audio_capture import AudioCapture, NoCapture, no_capture
from ivr.store.messages import VoicemailSpool

log = logging.getLogger(__name__)

DEADMAN_S = PbxParameters.deadman_s
"""Seconds a stuck call keeps its caller; then the dialplan takes him."""
HEARTBEAT_S = 2.0


@dataclass(frozen=True)
class CallDependencies:
    """What every call needs; one per worker."""

    ari: Ari
    link: AriLink
    office: Content
    engines: SpeechAndNlu
    recogniser: Recogniser
    pending: VoicemailSpool
    append: Callable[[events.Stamped], None]
    worker: str
    voices: BatchedVad
    generation: int = 0
    unrecord: RecordingOptOut = nothing
    tape: Callable[[str, int], AudioCapture | NoCapture] = no_capture
    foresee: EstimateWait = no_forecast


class Session:
    """Serves one arrival; ``run`` never raises but for cancellation."""

    def __init__(self, arrival: Arrival, desk: CallDependencies) -> None:
        self._arrival, self._desk = arrival, desk
        self._sequence = events.Sequence()
        self._line = CallLeg(desk.ari, desk.link, arrival.channel.id)
        self._mouth = Player(self._line)
        self._ear = Listener(desk.voices.caller(), desk.recogniser, self._mouth)
        self._tape: AudioCapture | NoCapture = NoCapture()
        self._line.on_audio, self._line.on_key = self._hear, self._ear.key
        self._caller = LiveCaller(
            arrival.channel.caller, self._line, self._ear, self._mouth, desk.ari, desk.office,
            desk.engines, desk.pending, self._note, self._unrecord, desk.foresee,
        )  # fmt: skip
        self._dialogue = Dialogue(self._caller, desk.office)
        self._channel_gone = self._served = self._finished = False

    async def run(self) -> None:
        """Serve the caller until he leaves, by whatever door."""
        channel = self._arrival.channel
        returned = self._arrival.args[:1] == ("return",)
        begun = self._note(
            events.CallStarted(
                channel.caller,
                channel.dialled,
                self._desk.worker,
                int(returned),
                self._desk.generation,
                self._desk.recogniser.name,
            )  # fmt: skip
        )
        self._tape = self._desk.tape(channel.id, begun.seq)
        try:
            await self._together(returned)
        except* LeftToDialplan:
            log.info("call %s: handed on to the dialplan", channel.id)
        except* CallEnded:
            self._finish()
        except* Exception as failures:  # noqa: BLE001  # the call boundary
            await self._fall_back(failures)
        finally:
            self._arrival.events.close()
            await self._line.close()
            self._tape.close()

    async def _together(self, returned: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._heartbeat())
            await self._line.open()
            if not returned:
                await self._desk.ari.answer(self._arrival.channel.id)
            self._caller.answered(await self._elapsed() if returned else 0.0)
            tasks.create_task(self._line.pump())
            tasks.create_task(self._line.fill())
            tasks.create_task(self._mouth.tick())
            if returned or self._arrival.adopted:
                await self._resume(TransferStatus(self._arrival.args[1] if returned else ""))
            else:
                await self._dialogue.run()

    def _hear(self, pcm: bytes) -> None:
        self._tape.add(pcm)
        self._ear.hear(pcm)

    async def _unrecord(self) -> None:
        self._tape.drop()
        await self._desk.unrecord(self._arrival.channel)

    async def _elapsed(self) -> float:
        """Seconds since the answer for a caller who comes back: his call has one clock."""
        answered = await self._desk.ari.variable(self._arrival.channel.id, "IVR_ANSWERED")
        return max(0.0, time.time() - float(answered)) if answered else 0.0

    async def _resume(self, status: TransferStatus) -> None:
        """A caller whom this or another worker had before."""
        ari, channel = self._desk.ari, self._arrival.channel.id
        lang = await ari.variable(channel, "IVR_LANG")
        if lang not in self._desk.office.callflow.languages:
            await self._dialogue.run()
            return
        self._caller.lang = lang
        if status in (
            TransferStatus.LEAVING,
            TransferStatus.LOST,
        ):  # a worker before us lost him; LOST: the dialplan has told him
            await self._dialogue.resumed(told=bool(status))
        self._note(events.HandOff("", status))
        self._served = status is TransferStatus.SERVED
        await self._dialogue.returned(status)

    async def _watch(self) -> None:
        """The channel's events: gone means gone."""
        async for event in self._arrival.events:
            match event:
                case ev.StasisEnd() | ev.ChannelDestroyed() | ev.ChannelGone():
                    if self._caller.leaving:  # the event may overtake the answer to our own request
                        raise LeftToDialplan
                    self._channel_gone = True
                    raise CallerGone
                case ev.RecordingEvent():
                    self._caller.recording_event(event)

    async def _heartbeat(self) -> None:
        """A renewal during a recording waits in Asterisk and takes effect at its end, whatever became of us."""
        while True:
            with contextlib.suppress(AriError):  # a channel that is gone is the watch's business
                async with self._caller.heartbeat:
                    await self._desk.ari.renew(self._arrival.channel.id, DEADMAN_S)
            await asyncio.sleep(HEARTBEAT_S)

    def _finish(self) -> None:
        if self._finished:  # a hang-up and what it broke come together
            return
        self._finished = True
        if self._caller.messages:
            outcome = CallOutcome.MESSAGE
        elif self._served:
            outcome = CallOutcome.PERSON
        else:
            helped = self._dialogue.answered or self._caller.callbacks
            outcome = CallOutcome.ANSWERED if helped else CallOutcome.ABANDONED
        by = Party.SERVICE if self._caller.hung_up else Party.CALLER
        self._note(events.CallFinished(outcome, by, round(self._mouth.now(), 2)))

    async def _fall_back(self, failures: BaseExceptionGroup[Exception]) -> None:
        """Something of ours failed: the caller goes to the dialplan's fallback, if he is still there."""
        first = _leaves(failures)[0]
        left = self._channel_gone or await self._has_left()
        if not (left and isinstance(first, AriError | LinkLost)):  # these are how a hang-up looks from here
            log.error(
                "call %s: %s: %s; the dialplan takes the caller", self._arrival.channel.id,
                type(first).__name__, first, exc_info=first,
            )  # fmt: skip
            self._note(events.Fault(FaultPart.CALL, f"{type(first).__name__}: {first}"))
        if left:
            self._finish()
            return
        try:
            await self._desk.ari.continue_in_dialplan(self._arrival.channel.id, "fallback")
        except AriError as error:  # the dead-man timer does it in a few seconds
            log.error("call %s: could not be handed on (%s)", self._arrival.channel.id, error)

    async def _has_left(self) -> bool:
        with contextlib.suppress(AriError):
            return await self._desk.ari.channel(self._arrival.channel.id) is None
        return False

    def _note(self, event: events.Event) -> events.Stamped:
        t = 0.0 if isinstance(event, events.CallStarted) else self._mouth.now()
        stamped = events.Stamped(self._arrival.channel.id, self._sequence.next(), t, event)
        self._desk.append(stamped)
        log.debug("call %s %7.3f %s", stamped.call_id, t, event.kind)
        return stamped


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """The single exceptions inside."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
