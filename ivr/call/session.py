"""One call, from its arrival in the application to its end: one task group, and nothing left behind.

This is the call boundary: whatever fails in a conversation, the dialplan takes the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari_link import Arrival
from ivr.asterisk.contract import RETURN, ChannelVariable, DialplanContext
from ivr.call.audio.leg import CallLeg
from ivr.call.audio.listener import Listener
from ivr.call.audio.player import Player
from ivr.call.dead_man import DeadManTimer
from ivr.call.dependencies import CallDependencies
from ivr.call.dialogue.script import Dialogue
from ivr.call.lifecycle import CALLER_LEFT, CallEvent, CallState, Lifecycle
from ivr.call.live_caller import CallAudio, LiveCaller
from ivr.core import events
from ivr.core.errors import AriError, CallEnded, CallerGone, LeftToDialplan, LinkLost
from ivr.core.vocabulary import CallOutcome, FaultPart, Party, TransferStatus
from ivr.store.audio_capture import AudioSink, NoCapture

log = logging.getLogger(__name__)


class Session:
    """Serves one arrival.

    arrival: the channel, the arguments of ``Stasis()``, and the channel's events.
    dependencies: the parts that all calls share.
    """

    def __init__(self, arrival: Arrival, dependencies: CallDependencies) -> None:
        self._arrival, self._dependencies = arrival, dependencies
        self._ari, self._channel_id = dependencies.ari, arrival.channel.id
        self._sequence = events.Sequence()
        self._lifecycle = Lifecycle()
        self._leg = CallLeg(self._ari, dependencies.link, self._channel_id)
        self._player = Player(self._leg)
        self._listener = Listener(dependencies.voice_activity.caller(), dependencies.recogniser, self._player)
        self._capture: AudioSink = NoCapture()
        self._leg.on_audio, self._leg.on_key = self._hear, self._listener.key
        self._dead_man = DeadManTimer(self._ari, dependencies.link, self._channel_id)
        self._caller = LiveCaller(
            arrival.channel.caller,
            CallAudio(self._leg, self._player, self._listener),
            dependencies,
            self._lifecycle,
            self._dead_man,
            note=self._note,
            stop_recording=self._stop_recording,
        )
        self._dialogue = Dialogue(self._caller, dependencies.content)
        self._status = TransferStatus.LEAVING  # with which the dialplan gave the caller back

    async def run(self) -> None:
        """Serve the caller until they leave.  Raises nothing but CancelledError."""
        channel = self._arrival.channel
        returned = self._arrival.args[:1] == (RETURN,)
        started = self._note(
            events.CallStarted(
                channel.caller,
                channel.dialled,
                self._dependencies.worker,
                int(returned),
                self._dependencies.content_version,
                self._dependencies.recogniser.name,
            )
        )
        self._capture = self._dependencies.open_capture(channel.id, started.seq)
        try:
            await self._serve(returned)
        except* LeftToDialplan:
            self._lifecycle.on(CallEvent.CHANNEL_LEFT)
            log.info("call %s: continues in the dialplan", channel.id)
        except* CallEnded:
            self._finish()
        except* Exception as failures:  # noqa: BLE001  # the call boundary
            await self._fall_back(failures)
        finally:
            self._arrival.events.close()
            await self._leg.close()
            self._capture.close()

    async def _serve(self, returned: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._dead_man.run())
            await self._leg.open()
            if not returned:
                await self._ari.answer(self._channel_id)
            self._lifecycle.on(CallEvent.ANSWERED)
            self._caller.answered(await self._elapsed_s() if returned else 0.0)
            tasks.create_task(self._leg.pump())
            tasks.create_task(self._leg.fill())
            tasks.create_task(self._player.tick())
            if returned or self._arrival.adopted:
                await self._resume(TransferStatus(self._arrival.args[1] if returned else ""))
            else:
                await self._dialogue.run()

    def _hear(self, pcm: bytes) -> None:
        self._capture.add(pcm)
        self._listener.hear(pcm)

    async def _stop_recording(self) -> None:
        self._capture.drop()
        await self._dependencies.stop_recording(self._arrival.channel)

    async def _elapsed_s(self) -> float:
        """Seconds since the answer of a caller who comes back: a call has one clock."""
        answered = await self._ari.variable(self._channel_id, ChannelVariable.ANSWERED)
        return max(0.0, time.time() - float(answered)) if answered else 0.0

    async def _resume(self, status: TransferStatus) -> None:
        """Serve a caller whom this or another worker had before; ``status``: why the dialplan gives them back."""
        lang = await self._ari.variable(self._channel_id, ChannelVariable.LANG)
        if lang not in self._dependencies.content.callflow.languages:
            await self._dialogue.run()
            return
        self._caller.lang = lang
        self._dialogue.carry(await self._ari.variable(self._channel_id, ChannelVariable.SO_FAR))
        # their worker has died; with LOST the dialplan has told them so
        if status in (TransferStatus.LEAVING, TransferStatus.LOST):
            await self._dialogue.resumed(apologised=bool(status))
        self._note(events.HandOff("", status))
        self._status = status
        await self._dialogue.returned(status)

    async def _watch(self) -> None:
        """Follow the channel's events; raises LeftToDialplan or CallerGone when the channel leaves."""
        async for event in self._arrival.events:
            match event:
                case ev.StasisEnd() | ev.ChannelDestroyed() | ev.ChannelGone():
                    # the event may overtake the reply to a transfer
                    if self._lifecycle.on(CallEvent.CHANNEL_LEFT) is CallState.IN_DIALPLAN:
                        raise LeftToDialplan
                    raise CallerGone
                case ev.RecordingEvent():
                    self._caller.recording_event(event)

    def _finish(self) -> None:
        if (
            self._lifecycle.state is CallState.FINISHED
        ):  # a hang-up and the errors that it causes come together
            return
        hung_up = self._lifecycle.on(CallEvent.CALLER_GONE) is CallState.HUNG_UP
        by = Party.SERVICE if hung_up else Party.CALLER
        self._lifecycle.on(CallEvent.FINISH)
        self._note(events.CallFinished(self._outcome(), by, round(self._player.now(), 2)))

    def _outcome(self) -> CallOutcome:
        if self._caller.messages:
            return CallOutcome.MESSAGE
        if self._status is TransferStatus.SERVED:
            return CallOutcome.PERSON
        helped = self._dialogue.answered or self._caller.callbacks
        return CallOutcome.ANSWERED if helped else CallOutcome.ABANDONED

    async def _fall_back(self, failures: BaseExceptionGroup[Exception]) -> None:
        """Give the caller to the dialplan's fallback after a failure, if they are still connected."""
        first = _leaves(failures)[0]
        left = self._lifecycle.state in CALLER_LEFT or await self._has_left()
        if not (left and isinstance(first, AriError | LinkLost)):  # the errors that a hang-up causes
            log.error(
                "call %s: %s: %s; the dialplan takes the caller", self._channel_id,
                type(first).__name__, first, exc_info=first,
            )  # fmt: skip
            self._note(events.Fault(FaultPart.CALL, f"{type(first).__name__}: {first}"))
        if left:
            self._finish()
            return
        self._lifecycle.on(CallEvent.FALL_BACK)
        try:
            await self._ari.continue_in_dialplan(self._channel_id, DialplanContext.FALLBACK)
        except AriError as error:  # the dead-man timer does it in a few seconds
            log.error("call %s: cannot continue in the dialplan (%s)", self._channel_id, error)

    async def _has_left(self) -> bool:
        with contextlib.suppress(AriError):
            return await self._ari.channel(self._channel_id) is None
        return False

    def _note(self, event: events.Event) -> events.Stamped:
        t = 0.0 if isinstance(event, events.CallStarted) else self._player.now()
        stamped = events.Stamped(self._channel_id, self._sequence.next(), t, event)
        self._dependencies.append(stamped)
        log.debug("call %s %7.3f %s", stamped.call_id, t, event.kind)
        return stamped


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """The single exceptions of a group, nested groups included."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
