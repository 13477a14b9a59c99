"""Replays one turn of a recording through today's listener, in virtual time.

The listener begins where the turn before ended in the call, so a turn that is heard differently does not move the
next one.  Prompts and decodes last as long as in the call: the same recording gives the same turns on any machine.
Time is counted in frames, and ``VirtualLoop`` jumps from one to the next.

If the listener's audio was captured (``ivr.store.audio_capture``), all of this is known to the frame.  Otherwise
Asterisk's recording is used, and prompts are placed by the times in the events.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.exchange import Question, say_and_listen
from ivr.call.audio.interpretation import Interpretation, understood
from ivr.call.audio.listener import Listener
from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.audio.turn_trace import Decode
from ivr.call.dialogue.caller import CallerReply
from ivr.content.bundle import Content
from ivr.core import events
from ivr.core.events import WITHHELD_NUMBER
from ivr.evaluation.replay.call_history import HistoryTurn
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.evaluation.replay.recording import CallRecording, gaps
from ivr.evaluation.replay.turn_trace import RecordedPrompt, decodes, took_s
from ivr.speech.stt import Transcript

SAME_CUT_S = 0.1
"""Seconds by which a turn may be longer or shorter than in the call and still count as cut the same."""
SAME_PLACE_S = 6.0
"""Seconds by which a turn may begin earlier or later than in the call, where the machine was slow."""
HISTORY = 1600
"""Frames before the turn that the listener is given: it keeps no more."""
DECODE_S = 0.4
"""Seconds assumed for a decode in calls that do not record it."""
LONGEST_DECODE_S = 4.0
"""Upper limit of a decode's duration, in seconds: the listener gives up one that takes much longer."""
NOW = 0
"""The frame number of a decode without a listener."""
KEY_FRAMES = 5
"""Frames between the keys of a number."""


@dataclass(frozen=True)
class AskedQuestion:
    """A question of today's dialogue with the times of the recorded call.

    question: what the caller may answer.
    lang: the caller's language.
    delay_s: seconds from the end of the turn before until the dialogue asks.
    speaks_s: duration of its prompt, in seconds.
    anew: whether audio from before the question is dropped.
    """

    question: Question
    lang: str
    delay_s: float = 0.0
    speaks_s: float = 0.0
    anew: bool = False


@dataclass(frozen=True)
class ReplayedTurn:
    """What today's listener and recogniser made of a turn.

    heard: the reply; None when the recording ended before the turn did.
    engine: name of the recogniser.
    same_sound: whether the decoded audio is that of the call, byte for byte.
    same_cut: whether the turn begins and ends where it did in the call.
    lost: whether the recording lacks the audio that was decoded in the call.
    """

    heard: CallerReply | None
    engine: str = ""
    same_sound: bool = False
    same_cut: bool = True
    lost: bool = False


class Prompt:
    """A player without sound, whose prompt lasts ``speaks_s`` seconds unless the listener holds or stops it.

    It reads the clock of the running event loop.
    """

    def __init__(self, speaks_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._speaks_s = speaks_s
        self._left = self._since = 0.0
        self._held = False

    def begin(self) -> None:
        """Begin the prompt."""
        self._left, self._since, self._held = self._speaks_s, self._loop.time(), False

    @property
    def speaking(self) -> bool:
        """Whether the prompt plays or is on hold."""
        return self._held or self._loop.time() - self._since < self._left

    async def hold(self) -> None:
        """Pause the prompt."""
        if self.speaking and not self._held:
            self._left -= self._loop.time() - self._since
            self._held = True

    def resume(self) -> None:
        """Go on after ``hold``."""
        if self._held:
            self._held, self._since = False, self._loop.time()

    async def flush(self) -> None:
        """Stop the prompt."""
        self._held, self._left = False, 0.0


class AudioReplayer:
    """Listens to the turns of one segment of a call.

    sound: the caller's audio.
    exact: whether it is the audio that the listener received, and not Asterisk's recording.
    turns: all turns of the segment.
    engines, content: today's recogniser, intents and content.
    """

    def __init__(
        self,
        sound: CallRecording,
        exact: bool,
        turns: Sequence[HistoryTurn],
        engines: ReplayEngines,
        content: Content,
    ) -> None:
        self._sound, self._exact, self._turns = sound, exact, turns
        self._engines, self._content = engines, content

    async def turn(
        self, turn: HistoryTurn, before: HistoryTurn | None, question: AskedQuestion
    ) -> ReplayedTurn:
        """Return what is heard today in place of ``turn``.

        before: the turn before it in the segment, None for the first.
        question: what today's dialogue asks.
        Raises RecogniserError, NluUnavailable.
        """
        interpreter = ReplayInterpreter(self._engines, self._content, question.lang)
        trace = turn.trace if self._exact else None
        prompt: Prompt | RecordedPrompt
        if trace is None:
            start = round((turn.since + (question.delay_s if question.anew else 0.0)) / FRAME_S)
            prompt, recogniser = Prompt(question.speaks_s), ReplayRecogniser(self._engines, _decode_s(turn))
        else:
            start, recorded = trace.since - 1, decodes(trace)
            prompt = RecordedPrompt(trace)
            decode_s = max(map(took_s, recorded.values()), default=DECODE_S)
            recogniser = ReplayRecogniser(self._engines, decode_s, recorded)
        listener = Listener(RecordedVoice(self._sound.voice[start:]), recogniser, prompt)
        recogniser.listener = listener
        listener.resume_at(
            start, self._sound.frames[max(0, start - HISTORY) : start], self._last_turn(before)
        )
        feeding = asyncio.create_task(self._feed(listener, start, prompt, self._keys(turn)))
        try:
            if not question.anew and trace is None:
                await asyncio.sleep(question.delay_s)
            caught = await self._caught(listener, prompt, question.question, interpreter, feeding)
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding
        return await self._listened(turn, question, caught, interpreter)

    async def _caught(
        self,
        listener: Listener,
        prompt: Prompt | RecordedPrompt,
        question: Question,
        interpreter: ReplayInterpreter,
        feeding: asyncio.Task[None],
    ) -> CallerTurn | None:
        """Return the next turn that the listener hears, or None when the recording ends before."""
        exchange = asyncio.create_task(
            say_and_listen(_already_said, prompt, listener, question, self._content, interpreter)
        )
        await asyncio.wait({exchange, feeding}, return_when=asyncio.FIRST_COMPLETED)
        if exchange.done():
            return exchange.result()
        exchange.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await exchange
        return None

    async def _listened(
        self,
        turn: HistoryTurn,
        question: AskedQuestion,
        caught: CallerTurn | None,
        interpreter: ReplayInterpreter,
    ) -> ReplayedTurn:
        recorded = turn.speech
        lost = (
            not self._exact
            and recorded is not None
            and bool(recorded.sum)
            and self._sound.decoded_audio(recorded) is None
        )
        if caught is None:
            return ReplayedTurn(None, lost=lost)
        if caught.key:
            return ReplayedTurn(CallerReply(key=caught.key), lost=lost)
        if caught.interpretation is None:
            return ReplayedTurn(CallerReply(), lost=lost)
        interpretation = caught.interpretation
        trace = turn.trace if self._exact else None
        late_s = 0.0
        if recorded is None:
            same_cut = True
        elif trace is None:
            same_cut = _same_cut(recorded, caught)
        else:
            same_cut = (trace.first, trace.last) == caught.trace.voice
            late_s = recorded.start_s - trace.first * FRAME_S
        same_sound = recorded is not None and caught.span.sum == recorded.sum
        if recorded is not None and recorded.sum and same_cut and not same_sound:
            pcm = self._sound.decoded_audio(recorded, late_s)
            if pcm is not None:
                interpretation, same_sound = (
                    await self._interpreted(pcm, question.question, interpreter, trace),
                    True,
                )
        said = interpretation.transcript
        heard = CallerReply(
            text=said.text, lang=said.lang or question.lang, confidence=said.confidence,
            intent=interpretation.intent, urgent=interpretation.urgent, spoke=True,
        )  # fmt: skip
        return ReplayedTurn(heard, said.engine, same_sound, same_cut, lost)

    async def _feed(
        self,
        listener: Listener,
        start: int,
        prompt: Prompt | RecordedPrompt,
        keys: Mapping[int, Sequence[str]],
    ) -> None:
        """Give the listener a frame every 20 ms and the keys between them, until the recording ends."""
        await asyncio.sleep(FRAME_S / 2)  # so that it listens before the first frame
        for index in range(start, len(self._sound.frames)):
            for key in keys.get(index, ()):
                listener.key(key)
            if isinstance(prompt, RecordedPrompt):
                prompt.frame = index + 1
            listener.hear(self._sound.frames[index])
            await asyncio.sleep(FRAME_S)

    def _keys(self, turn: HistoryTurn) -> dict[int, list[str]]:
        """Return the keys from this turn on, by the frame before which each was pressed."""
        found: dict[int, list[str]] = {}
        for one in self._turns[self._turns.index(turn) :]:
            if one.key and one.key != WITHHELD_NUMBER:
                exact = one.trace if self._exact else None
                first = exact.until if exact else round(one.t / FRAME_S)
                for number, key in enumerate(one.key):
                    found.setdefault(first + number * KEY_FRAMES, []).append(key)
        return found

    def _last_turn(self, before: HistoryTurn | None) -> tuple[int, int] | None:
        """Return the first and last voiced frame of ``before``; speech right after it continues its sentence."""
        if before is None or before.speech is None:
            return None
        if self._exact and before.trace is not None:
            first, last = before.trace.first, before.trace.last
        else:
            first, last = round(before.speech.start_s / FRAME_S), round(before.speech.end_s / FRAME_S)
        too_long = (last - first + 1) * FRAME_S >= self._content.callflow.limits.speech_s
        return None if too_long else (first, last)

    async def _interpreted(
        self, pcm: bytes, question: Question, interpreter: ReplayInterpreter, trace: events.Listened | None
    ) -> Interpretation:
        """Return the meaning of ``pcm``, decoded as often as in the call."""
        recorded = decodes(trace) if trace is not None else {}
        recogniser = ReplayRecogniser(self._engines, 0.0, {NOW: recorded[max(recorded)]} if recorded else {})
        utterance = recogniser.utterance(question.langs, question.hotwords(self._content))
        utterance.feed(pcm)
        return await understood(utterance, interpreter, question=question.about_topic)


async def _already_said() -> None:
    """Play nothing: ``Prompt`` and ``RecordedPrompt`` know when a prompt played."""


class RecordedVoice:
    """Voice activity that is known already.

    probabilities: the probability of speech (0 to 1) of each frame to come.
    """

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._next = iter(probabilities)

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None:
        """Call ``tell`` with the probability of the next frame; ``frame`` itself is not looked at."""
        tell(next(self._next))


class ReplayInterpreter:
    """Interprets transcripts as today's service does.

    lang: the caller's language.
    """

    def __init__(self, engines: ReplayEngines, content: Content, lang: str) -> None:
        self._engines, self._content, self._lang = engines, content, lang

    async def __call__(self, transcript: Transcript, final: bool) -> Interpretation:
        if not final:  # only whole turns are interpreted
            return Interpretation(transcript, None, complete=False)
        return await self._engines.interpret(transcript, self._content, self._lang)


class ReplayRecogniser:
    """Today's recogniser, whose decodes take as long as those of the call, in virtual time.

    decode_s: seconds for a decode that the call does not have.
    recorded: the decodes of the call, by the frame at which each began.
    well_s: seconds for a full decode after a quick one; 0 when the recorded duration includes it.
    again_s: seconds for a second decode; 0 when the recorded duration includes it.
    """

    name = "replay"
    languages = frozenset[str]()

    def __init__(
        self,
        engines: ReplayEngines,
        decode_s: float,
        recorded: Mapping[int, Decode] | None = None,
        *,
        well_s: float = 0.0,
        again_s: float = 0.0,
    ) -> None:
        self.engines, self.well_s, self.again_s = engines, well_s, again_s
        self._decode_s, self._recorded = decode_s, recorded or {}
        self.listener: Listener | None = None

    @property
    def decode_s(self) -> float:
        """The duration of a decode that begins now, in seconds."""
        return self._decode_s if self.recorded is None else took_s(self.recorded)

    @property
    def recorded(self) -> Decode | None:
        """The decode of the call that began at the listener's current frame, or None."""
        return self._recorded.get(self.listener.frame if self.listener else NOW)

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> _Utterance:
        """Begin an utterance, as every recogniser does."""
        return _Utterance(self, langs, hotwords)

    async def close(self) -> None:
        """Do nothing: the engines outlive this recogniser."""


class _Utterance:
    """One utterance."""

    def __init__(self, recogniser: ReplayRecogniser, langs: Sequence[str], hotwords: str) -> None:
        self._recogniser, self._langs, self._hotwords = recogniser, langs, hotwords
        self._pcm = bytearray()
        self._once = self._quickly = False

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def partial(self) -> Transcript | None:
        return None

    async def quick(self) -> Transcript | None:
        recorded = self._recogniser.recorded
        self._once, self._quickly = recorded is not None and recorded.once, True
        pcm = bytes(self._pcm)
        await asyncio.sleep(self._recogniser.decode_s)
        return await self._recogniser.engines.quick(pcm, self._langs, self._hotwords)

    async def decode(self) -> Transcript:
        pcm = bytes(self._pcm)
        await asyncio.sleep(self._recogniser.well_s if self._quickly else self._recogniser.decode_s)
        return await self._recogniser.engines.transcribe(pcm, self._langs, self._hotwords)

    async def again(self) -> Transcript | None:
        if self._once:
            return None
        pcm = bytes(self._pcm)
        await asyncio.sleep(self._recogniser.again_s)
        return await self._recogniser.engines.again(pcm, self._langs, self._hotwords)


def _decode_s(turn: HistoryTurn) -> float:
    """Return the seconds from the first pause to the interpreted text in the call."""
    if turn.speech is None or not turn.speech.decode_s:
        return DECODE_S
    return min(
        LONGEST_DECODE_S, turn.speech.decode_s + (turn.understood.ms / 1000 if turn.understood else 0.0)
    )


def _same_cut(recorded: events.Heard, caught: CallerTurn) -> bool:
    """Whether the turn is cut as in the call, not counting silence that was inserted then."""
    length, recorded_s = caught.end_s - caught.start_s, recorded.end_s - recorded.start_s
    filled = len(gaps(recorded)) * FRAME_S
    near = abs(caught.start_s - recorded.start_s) <= SAME_PLACE_S
    return near and recorded_s - filled - SAME_CUT_S <= length <= recorded_s + SAME_CUT_S
