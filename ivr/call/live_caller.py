"""A caller on the telephone: the ``Caller`` of a real call."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.call.audio.interpretation import Interpretation, interpret
from ivr.call.audio.leg import CallLeg
from ivr.call.audio.listener import CallerTurn, EndOfTurnPolicy, Listener
from ivr.call.audio.player import Playback, Player
from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.audio.turn_trace import TurnTrace, runs
from ivr.call.dialogue import number_words
from ivr.call.dialogue.announcements import whisper
from ivr.call.dialogue.caller import CallbackRequest, CallerReply, PromptPart, RecordedMessage
from ivr.call.dialogue.handoff import TransferTarget
from ivr.content.bundle import Content
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core import events
from ivr.core.audio import silence
from ivr.core.errors import AriError, AriNotFound, CallerGone, LeftToDialplan, NluUnavailable, RecogniserError
from ivr.core.vocabulary import Decision, FaultPart, LanguageSource, PersonReason
from ivr.nlu.client import Understanding
from ivr.speech.prompts import Prompts
from ivr.speech.stt import Transcript
from ivr.store.messages import VoicemailSpool

log = logging.getLogger(__name__)

StopRecording = Callable[[], Awaitable[None]]
"""Stops the recording of the call and deletes it."""
EstimateWait = Callable[[str, str, int], Awaitable[WaitEstimate | None]]
"""What the desk is like for a call (its id), in a language, with that place before the others (0: none)."""
GAP = silence(0.18)
"""Between two sentences of one turn."""
RECORDING_SPARE_S = 15
"""Seconds beyond the longest message before the dead-man timer ends a recording."""
NUMBER_PAUSE_S = 1.8
"""Silence after which a spoken number is over: people breathe between its groups."""
NUMBER = "(number)"
"""Stands in the record where a caller's number was said or keyed in."""
REPLAYS = 3
"""How often a prompt is said again that noise cut short."""


@dataclass(frozen=True)
class SpeechAndNlu:
    """What understands and speaks; shared by all calls."""

    prompts: Prompts
    understanding: Understanding


class LiveCaller:
    """One caller: his line, our ear and mouth, and the record of what happens."""

    def __init__(
        self, number: str, line: CallLeg, ear: Listener, mouth: Player, ari: Ari, office: Content,
        engines: SpeechAndNlu, pending: VoicemailSpool, note: Callable[[events.Event], object],
        unrecord: StopRecording, foresee: EstimateWait,
    ) -> None:  # fmt: skip
        self.number = number
        self.lang = ""
        self.messages = self.callbacks = 0
        self.hung_up = self.leaving = False
        self._line, self._ear, self._mouth, self._ari = line, ear, mouth, ari
        self._office, self._engines, self._pending, self._note = office, engines, pending, note
        self._unrecord, self._refused = unrecord, False
        self._foresee = foresee
        self._recordings: asyncio.Queue[ev.RecordingEvent] = asyncio.Queue(8)
        self._ear_zero = self._ago_s = 0.0
        self._wanted_at = 0.0  # when they asked for a person, in seconds since 1970
        self.heartbeat = asyncio.Lock()
        """Held by whoever renews the dead-man timer."""

    @property
    def with_us_s(self) -> float:
        """Seconds of this conversation."""
        return self._mouth.now() - self._ago_s

    def answered(self, ago_s: float = 0.0) -> None:
        """The call's clock starts, or goes on for a caller who was answered so many seconds ago."""
        self._mouth.answered(ago_s)
        self._ago_s = ago_s
        self._ear_zero = self._ear.now_s - ago_s

    def recording_event(self, event: ev.RecordingEvent) -> None:
        """Asterisk about a recording of ours; the oldest goes when nobody waits for them."""
        if self._recordings.full():
            self._recordings.get_nowait()
        self._recordings.put_nowait(event)

    async def ask(
        self,
        *pieces: PromptPart,
        langs: Sequence[str] = (),
        keys: int = 1,
        after: RecordedMessage | None = None,
    ) -> CallerReply:
        """Say it, listen, understand."""
        limits = self._office.callflow.limits
        patience = EndOfTurnPolicy(no_input_s=limits.silence_s, longest_s=limits.speech_s)
        if keys > 1:
            patience = patience.always(NUMBER_PAUSE_S)
        sound = await self._converse(
            pieces, tuple(langs) or (self.lang,), patience, named=keys == 1, after=after
        )
        if sound.key and keys > 1:
            sound = replace(sound, key=await self._ear.dialled(sound.key, keys))
        return self._heard(sound, number=keys > 1)

    async def tell(self, *pieces: PromptPart) -> CallerReply | None:
        """Say it, and hear what he says meanwhile."""
        patience = EndOfTurnPolicy(no_input_s=FRAME_S, longest_s=self._office.callflow.limits.speech_s)
        sound = await self._converse(pieces, (self.lang,), patience, named=True)
        return self._heard(sound) if sound.key or sound.judged else None

    async def say(self, *pieces: PromptPart) -> None:
        """Say it to its end: what ends a conversation is not interrupted by a cough or a word."""
        self._mouth.begin()
        await self._speak(pieces)

    async def _converse(
        self, pieces: Sequence[PromptPart], langs: Sequence[str], patience: EndOfTurnPolicy, *,
        named: bool, after: RecordedMessage | None = None,
    ) -> CallerTurn:  # fmt: skip
        """Say it and listen; said again when a noise cut it short.  ``named``: a question about a topic, whose names
        help the ear, and which is worth a second listening."""
        named = named and len(langs) == 1
        hotwords = self._office.faq.hotwords(langs[0]) if named else ""
        sound, course = CallerTurn(), TurnTrace()
        for _ in range(REPLAYS):
            listening = self._ear.listen(langs, self._judge, patience, hotwords=hotwords, question=named)
            try:
                sound = await self._while_speaking(listening, pieces, after)
            except RecogniserError as error:
                self._note(events.Fault(FaultPart.RECOGNISER, str(error)))
                log.warning("recogniser: %s", error)
                raise
            course = course.then(sound.course)
            if sound.key or sound.judged or sound.waited_s:
                break
        return replace(sound, course=course)

    async def _while_speaking(
        self,
        listen: Coroutine[object, object, CallerTurn],
        pieces: Sequence[PromptPart],
        after: RecordedMessage | None,
    ) -> CallerTurn:
        """What is heard; nobody is listened to who was not asked because no voice could say it (VoiceError)."""
        self._mouth.begin()
        speaking = asyncio.create_task(self._speak(pieces, after))
        listening = asyncio.create_task(listen)
        try:
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            listening.cancel()
            await self._mouth.flush()
            await speaking
        return await listening

    async def speaks(self, lang: str, how: LanguageSource) -> None:
        """His language is known; the dialplan learns it too."""
        self.lang = lang
        self._note(events.LanguageChosen(lang, how))
        await self._ari.set_variable(self._line.channel_id, "IVR_LANG", lang)
        await self._ari.set_variable(self._line.channel_id, "CHANNEL(language)", lang)

    async def decided(self, decision: Decision, intent: str, other: str = "") -> None:
        """Note it."""
        self._note(events.Decided(decision, intent, other))

    async def record(self, lang: str, *before: PromptPart) -> RecordedMessage:
        """Asterisk records, so that the message outlives us; out of the bridge meanwhile."""
        self._mouth.begin()
        await self._speak(before)
        limits = self._office.callflow.voicemail
        name = self._pending.begin(self._line.channel_id, self.number, lang)
        try:
            async with self._line.aside():
                async with (
                    self.heartbeat
                ):  # Asterisk 22 sets no variable while it records: the timer is wound up
                    await self._ari.renew(self._line.channel_id, int(limits.max_s) + RECORDING_SPARE_S)
                    await self._ari.record(
                        self._line.channel_id, name, beep=True,
                        max_seconds=int(limits.max_s), max_silence=int(limits.silence_s),
                    )  # fmt: skip
                ended = await self._recording_end(name)
        except AriNotFound:
            raise CallerGone from None
        except AriError as error:
            self._alarm(name, str(error))
            return RecordedMessage(name, 0.0, failed=True)
        finally:
            self._ear.forget()
        if isinstance(ended, ev.RecordingFailed) or self._pending.disk_full():
            cause = ended.cause if isinstance(ended, ev.RecordingFailed) else "the disk is full"
            self._alarm(name, cause or "Asterisk gave no reason")
            return RecordedMessage(name, 0.0, failed=True)
        # the silence that ended the message is not part of it; Asterisk counts whole seconds, and too many of them
        # where frames of the silence were lost: a file that the collector would throw away is no message either
        talked = ended.talking_duration if ended.talking_duration >= 0 else ended.duration
        length = await asyncio.to_thread(self._pending.length, name)
        return RecordedMessage(name, float(talked) if length is None else min(float(talked), length))

    async def keep(self, message: RecordedMessage) -> None:
        """The collector stores it."""
        self.messages += 1
        self._pending.keep(message.name)

    async def discard(self, message: RecordedMessage) -> None:
        """Recorded again, or empty."""
        self._pending.discard(message.name)

    async def refuse_recording(self) -> None:
        """At once; once is enough."""
        if not self._refused:
            self._refused = True
            self._note(events.RecordingRefused())
            await self._unrecord()

    def wants_callback(self, wish: CallbackRequest) -> None:
        """Into the journal: the console calls back."""
        self.callbacks += 1
        name = secrets.token_hex(4)
        self._note(events.CallbackWanted(name, wish.number, wish.lang, wish.start, wish.end, wish.topic))

    def wants_person(self, why: PersonReason) -> None:
        """Note it: his waiting begins."""
        self._wanted_at = time.time()
        self._note(events.PersonWanted(why))

    async def standing(self, first: int = 0) -> WaitEstimate | None:
        """From Asterisk's queues; when they cannot be asked nothing is told."""
        return await self._foresee(self._line.channel_id, self.lang, first)

    async def transfer(self, way: TransferTarget) -> None:
        """Into the dialplan, which queues him, rings, and brings him back; values from our own lists only."""
        channel = self._line.channel_id
        variables = {
            "__IVR_QUEUE": way.queue,
            "__IVR_WHISPER": whisper(self._office.faq, way.lang, way.topic, way.why),
            "IVR_WAIT": str(int(self._office.callflow.handoff.wait_s)),
            "IVR_PRIO": str(way.first),
            "IVR_TOLD": str(int(way.told_s)),
            "IVR_THEN": way.then or "",
            "IVR_WANTED": str(int(self._wanted_at * 1000)),
            "IVR_ANSWERED": f"{time.time() - self._mouth.now():.3f}",
        }
        for name, value in variables.items():
            await self._ari.set_variable(channel, name, value)
        self._note(events.HandOff(way.queue))
        self.leaving = True
        await self._ari.continue_in_dialplan(channel, "handoff", way.target)
        raise LeftToDialplan

    async def hang_up(self) -> None:
        """End the call."""
        self.hung_up = True
        await self._ari.hangup(self._line.channel_id)
        raise CallerGone

    async def _speak(self, pieces: Sequence[PromptPart], after: RecordedMessage | None = None) -> None:
        """All of it, one piece after the other; what is not rendered yet is rendered while we speak."""
        tasks = [asyncio.create_task(self._audio(piece, piece is pieces[-1])) for piece in pieces]
        own = [asyncio.create_task(self._recorded(after))] if after is not None else []
        try:
            played = await self._mouth.play(*own, *tasks)
            for piece, part in zip(pieces, played[len(own) :], strict=True):
                self._said(piece, part)
        finally:
            for task in (*own, *tasks):
                task.cancel()

    async def _audio(self, piece: PromptPart, last: bool) -> bytes:
        pcm = await self._engines.prompts.audio_or_render(piece.text, piece.lang, slow=piece.slow)
        return pcm if last else pcm + GAP

    async def _recorded(self, message: RecordedMessage) -> bytes:
        """His message; nothing when it cannot be read."""
        return await asyncio.to_thread(self._pending.audio, message.name) + GAP

    def _said(self, piece: PromptPart, played: Playback) -> None:
        if played.heard_s > 0:
            self._note(
                events.Said(
                    piece.key,
                    NUMBER if piece.key == "number" else piece.text,
                    piece.lang,
                    round(played.start_s, 3),
                    round(played.length_s, 3),
                    round(played.heard_s, 3),
                    played.interrupted,
                )  # fmt: skip
            )

    async def _judge(self, transcript: Transcript, final: bool) -> Interpretation:
        """What a transcript means, and whether it sounds finished."""
        understand = self._engines.understanding.understand
        try:
            return await interpret(transcript, self.lang, self._office, understand, final=final)
        except NluUnavailable as error:
            self._note(events.Fault(FaultPart.NLU, str(error)))
            log.warning("understanding: %s", error)
            return Interpretation(transcript, None, complete=True)

    def _heard(self, sound: CallerTurn, *, number: bool = False) -> CallerReply:
        """The record of a turn, and what the conversation needs of it.  A number of his stays out of the record."""
        self._note(_listened(sound.course))
        if sound.key:
            self._note(events.KeyPressed(NUMBER if len(sound.key) > 1 else sound.key))
            return CallerReply(key=sound.key)
        if sound.judged is None:
            self._note(events.NothingHeard(round(sound.waited_s, 2)))
            return CallerReply()
        said, intent = sound.judged.transcript, sound.judged.intent
        start, end = sound.start_s - self._ear_zero, sound.end_s - self._ear_zero
        decoded = sound.stretch
        holds_number = number and len(number_words.said(said.text, said.lang or self.lang)) > 2
        self._note(
            events.Heard(
                NUMBER if holds_number else said.text,
                said.lang or self.lang,
                round(said.confidence, 3),
                said.engine,
                round(start, 2),
                round(end, 2),
                round(sound.decode_s, 3),
                round(decoded.from_s - self._ear_zero, 2),
                round(decoded.to_s - self._ear_zero, 2),
                decoded.sum,
                decoded.gaps,
                None if said.finished is None else round(said.finished, 3),
            )  # fmt: skip
        )
        if intent is not None:
            second = intent.ranking[1] if len(intent.ranking) > 1 else ("", 0.0)
            self._note(
                events.Understood(
                    intent.name,
                    round(intent.confidence, 3),
                    second[0],
                    round(second[1], 3),
                    round(sound.judged.understood_ms, 1),
                )  # fmt: skip
            )
        return CallerReply(
            text=said.text, lang=said.lang or self.lang, confidence=said.confidence, intent=intent,
            urgent=sound.judged.urgent, spoke=True,
        )  # fmt: skip

    async def _recording_end(self, name: str) -> ev.RecordingEvent:
        while True:
            event = await self._recordings.get()
            if event.name == name and isinstance(event, ev.RecordingFinished | ev.RecordingFailed):
                return event

    def _alarm(self, name: str, why: str) -> None:
        """The note of it stays: what there is of the message is collected when he is gone."""
        log.error(
            "ALARM: message %s could not be recorded (%s): check the disk of Asterisk's spool", name, why
        )
        self._note(events.Fault(FaultPart.VOICEMAIL, why))


def _listened(course: TurnTrace) -> events.Listened:
    decodes = ",".join(map(str, course.decodes))
    return events.Listened(course.since, course.until, *course.voice, runs(course.prompt), decodes)
