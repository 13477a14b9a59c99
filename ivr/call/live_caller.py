"""The ``Caller`` of a real call: plays prompts, listens, and records what happens."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ivr.asterisk import ari_events as ev
from ivr.asterisk.contract import CHANNEL_LANGUAGE, ChannelVariable, DialplanContext
from ivr.call import turn_events
from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.exchange import Question, say_and_listen
from ivr.call.audio.interpretation import Interpretation, interpret
from ivr.call.audio.leg import CallLeg
from ivr.call.audio.listener import Listener
from ivr.call.audio.player import Player
from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.dead_man import DEADMAN_S, DeadManTimer
from ivr.call.dependencies import CallDependencies
from ivr.call.dialogue.announcements import whisper
from ivr.call.dialogue.caller import CallbackRequest, CallerReply, PromptPart, RecordedMessage
from ivr.call.dialogue.handoff import TransferTarget
from ivr.call.lifecycle import CallEvent, Lifecycle
from ivr.call.message_recorder import MessageRecorder
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core import events
from ivr.core.audio import silence
from ivr.core.errors import CallerGone, LeftToDialplan, NluUnavailable, RecogniserError
from ivr.core.vocabulary import Decision, FaultPart, LanguageSource, PersonReason
from ivr.speech.stt import Transcript

log = logging.getLogger(__name__)

GAP = silence(0.18)
"""Between two sentences of one prompt."""


@dataclass(frozen=True)
class CallAudio:
    """The audio of one call: the caller's leg, the player of prompts, and the listener."""

    leg: CallLeg
    player: Player
    listener: Listener


class LiveCaller:
    """The caller of one real call; see the ``Caller`` protocol for what is not documented here.

    number: the caller's number.
    audio: what the caller hears and says.
    dependencies: the parts that all calls share.
    lifecycle, dead_man: the state and the timer of the call.
    note: writes an event of this call to the journal.
    stop_recording: stops the recording of the call and deletes it.
    """

    def __init__(
        self,
        number: str,
        audio: CallAudio,
        dependencies: CallDependencies,
        lifecycle: Lifecycle,
        dead_man: DeadManTimer,
        *,
        note: Callable[[events.Event], object],
        stop_recording: Callable[[], Awaitable[None]],
    ) -> None:
        self.number = number
        self.lang = ""
        self.callbacks = 0
        self._leg, self._player, self._listener = audio.leg, audio.player, audio.listener
        self._ari, self._link, self._content = dependencies.ari, dependencies.link, dependencies.content
        self._prompts, self._classifier = dependencies.prompts, dependencies.classifier
        self._estimate_wait = dependencies.estimate_wait
        self._lifecycle, self._note, self._stop_recording = lifecycle, note, stop_recording
        self._recorder = MessageRecorder(
            self._ari, self._leg, dead_man, dependencies.voicemail, dependencies.disk, note
        )
        self._recording_refused = False
        self._answer_s = 0.0  # when the call was answered, in seconds of the listener's audio
        self._before_s = 0.0  # seconds of the call before this conversation
        self._wanted_at = 0.0  # when the caller asked for a person, in seconds since 1970

    @property
    def with_us_s(self) -> float:
        return self._player.now() - self._before_s

    @property
    def messages(self) -> int:
        """How many messages the caller has left."""
        return self._recorder.kept

    def answered(self, ago_s: float = 0.0) -> None:
        """Start the call's clock, for a caller who was answered ``ago_s`` seconds ago."""
        self._player.answered(ago_s)
        self._before_s = ago_s
        self._answer_s = self._listener.now_s - ago_s

    def recording_event(self, event: ev.RecordingEvent) -> None:
        """Take an event about a recording of this channel."""
        self._recorder.on_event(event)

    async def ask(
        self,
        *parts: PromptPart,
        langs: Sequence[str] = (),
        keys: int = 1,
        after: RecordedMessage | None = None,
    ) -> CallerReply:
        turn = await self._exchange(parts, Question(tuple(langs) or (self.lang,), keys), after)
        return self._reply(turn, number=keys > 1)

    async def tell(self, *parts: PromptPart) -> CallerReply | None:
        turn = await self._exchange(parts, Question((self.lang,), no_input_s=FRAME_S))
        return self._reply(turn) if turn.key or turn.interpretation else None

    async def say(self, *parts: PromptPart) -> None:
        self._player.begin()
        await self._speak(parts)

    async def _exchange(
        self, parts: Sequence[PromptPart], question: Question, after: RecordedMessage | None = None
    ) -> CallerTurn:
        say = partial(self._speak, parts, after)
        try:
            return await say_and_listen(
                say, self._player, self._listener, question, self._content, self._interpret
            )
        except RecogniserError as error:
            self._note(events.Fault(FaultPart.RECOGNISER, str(error)))
            log.warning("recogniser: %s", error)
            raise

    async def speaks(self, lang: str, how: LanguageSource) -> None:
        self.lang = lang
        self._note(events.LanguageChosen(lang, how))
        await self._ari.set_variable(self._leg.channel_id, ChannelVariable.LANG, lang)
        await self._ari.set_variable(self._leg.channel_id, CHANNEL_LANGUAGE, lang)

    async def decided(self, decision: Decision, intent: str, other: str = "") -> None:
        self._note(events.Decided(decision, intent, other))

    async def record(self, lang: str, *before: PromptPart) -> RecordedMessage:
        await self.say(*before)
        try:
            return await self._recorder.record(self.number, lang, self._content.callflow.voicemail)
        finally:
            self._listener.forget()

    async def keep(self, message: RecordedMessage) -> None:
        await self._recorder.keep(message)

    async def discard(self, message: RecordedMessage) -> None:
        await self._recorder.discard(message)

    async def refuse_recording(self) -> None:
        if not self._recording_refused:
            self._recording_refused = True
            self._note(events.RecordingRefused())
            await self._stop_recording()

    def wants_callback(self, request: CallbackRequest) -> None:
        self.callbacks += 1
        name = secrets.token_hex(4)
        self._note(
            events.CallbackWanted(
                name, request.number, request.lang, request.start, request.end, request.topic
            )
        )

    def wants_person(self, why: PersonReason) -> None:
        self._wanted_at = time.time()
        self._note(events.PersonWanted(why))

    async def estimate_wait(self, priority: int = 0) -> WaitEstimate | None:
        return await self._estimate_wait(self._leg.channel_id, self.lang, priority)

    async def transfer(self, target: TransferTarget) -> None:
        channel = self._leg.channel_id
        variables = {  # values from our own lists only
            ChannelVariable.QUEUE.inherited: target.queue,
            ChannelVariable.WHISPER.inherited: whisper(
                self._content.faq, target.lang, target.topic, target.why
            ),
            ChannelVariable.WAIT: str(int(self._content.callflow.handoff.wait_s)),
            ChannelVariable.PRIO: str(target.priority),
            ChannelVariable.TOLD: str(int(target.announced_s)),
            ChannelVariable.THEN: target.fallback or "",
            ChannelVariable.WANTED: str(int(self._wanted_at * 1000)),
            ChannelVariable.SO_FAR: target.so_far,
            ChannelVariable.ANSWERED: f"{time.time() - self._player.now():.3f}",
        }
        for name, value in variables.items():
            await self._ari.set_variable(channel, name, value)
        self._note(events.HandOff(target.queue))
        self._lifecycle.on(CallEvent.TRANSFER)
        await self._ari.continue_in_dialplan(channel, DialplanContext.HANDOFF, target.target)
        raise LeftToDialplan

    async def hang_up(self) -> None:
        async with asyncio.timeout(DEADMAN_S):  # after that the dialplan has the caller
            ours = await self._link.holds(self._leg.channel_id)
        self._lifecycle.on(CallEvent.HANG_UP)
        if ours:
            await self._ari.hangup(self._leg.channel_id)
        raise CallerGone

    async def _speak(self, parts: Sequence[PromptPart], after: RecordedMessage | None = None) -> None:
        """Play a recorded message and the parts of a prompt.

        A part that is not rendered yet is rendered while the parts before it are played.
        """
        tasks = [asyncio.create_task(self._audio(part, part is parts[-1])) for part in parts]
        message = [asyncio.create_task(self._recorded(after))] if after is not None else []
        try:
            played = await self._player.play(*message, *tasks)
            for part, playback in zip(parts, played[len(message) :], strict=True):
                if playback.heard_s > 0:
                    self._note(turn_events.said(part, playback))
        finally:
            for task in (*message, *tasks):
                task.cancel()

    async def _audio(self, part: PromptPart, last: bool) -> bytes:
        pcm = await self._prompts.audio_or_render(part.text, part.lang, slow=part.slow)
        return pcm if last else pcm + GAP

    async def _recorded(self, message: RecordedMessage) -> bytes:
        return await self._recorder.audio(message) + GAP

    async def _interpret(self, transcript: Transcript, final: bool) -> Interpretation:
        """Interpret a transcript; without understanding it has no intent."""
        classify = self._classifier.classify
        try:
            return await interpret(transcript, self.lang, self._content, classify, final=final)
        except NluUnavailable as error:
            self._note(events.Fault(FaultPart.NLU, str(error)))
            log.warning("understanding: %s", error)
            return Interpretation(transcript, None, complete=True)

    def _reply(self, turn: CallerTurn, *, number: bool = False) -> CallerReply:
        """Note a turn and return what the dialogue needs of it; ``number``: whether a number was asked for."""
        self._note(turn_events.listened(turn.trace))
        if turn.key:
            self._note(turn_events.key_pressed(turn.key))
            return CallerReply(key=turn.key)
        if turn.interpretation is None:
            self._note(events.NothingHeard(round(turn.waited_s, 2)))
            return CallerReply(heedless_s=turn.heedless_s)
        self._note(turn_events.heard(turn, turn.interpretation, self.lang, self._answer_s, number=number))
        understood = turn_events.understood(turn.interpretation)
        if understood is not None:
            self._note(understood)
        said = turn.interpretation.transcript
        return CallerReply(
            text=said.text,
            lang=said.lang or self.lang,
            confidence=said.confidence,
            intent=turn.interpretation.intent,
            urgent=turn.interpretation.urgent,
            spoke=True,
            heedless_s=turn.heedless_s,
        )
