"""One turn of a recording through today's ear, in the ear's own time.

The ear begins where the turn before had ended, so that one turn heard otherwise does not move the next.  A prompt
lasts as long as it lasted then, a decode takes as long as it took then: the same recording gives the same turns on
any machine.  Time is counted in frames; ``VirtualLoop`` jumps from one to the next.

Where the listener's audio was kept (``ivr.store.audio_capture``), all of this is known to the frame.  Otherwise
Asterisk's recording stands for it, and prompts are placed by the clock of then.
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
from ivr.evaluation.replay.turn_trace import Spoken, decodes, took_s
from ivr.speech.stt import Transcript

SAME_CUT_S = 0.1
"""So much may a turn be longer or shorter and still be cut as it was then."""
SAME_PLACE_S = 6.0
"""So far from its place then may it begin, where this machine was late then."""
HISTORY = 1600
"""Frames of the past that the ear is given: it keeps no more."""
DECODE_S = 0.4
"""How long a decode took in calls that do not tell."""
LONGEST_DECODE_S = 4.0
"""The ear gives a decode up that takes much longer."""
NOW = 0
"""The frame of what is decoded without an ear."""
KEY_FRAMES = 5
"""Between the keys of a number."""


@dataclass(frozen=True)
class AskedQuestion:
    """A question of today's dialogue with the times of the recorded call.

    question: what the caller may answer.
    lang: the caller's language.
    delay_s: seconds after the turn before at which the dialogue listens.
    speaks_s: seconds that its prompt lasts.
    anew: whether what came in before is forgotten.
    """

    question: Question
    lang: str
    delay_s: float = 0.0
    speaks_s: float = 0.0
    anew: bool = False


@dataclass(frozen=True)
class ReplayedTurn:
    """What today's ear and recogniser made of a turn.

    ``same_sound``: byte for byte what was decoded then; ``same_cut``: it begins and ends where it did.
    ``heard`` None: the recording ended before the turn did.  ``lost``: what the ear got then is not in the recording.
    """

    heard: CallerReply | None
    engine: str = ""
    same_sound: bool = False
    same_cut: bool = True
    lost: bool = False


class Prompt:
    """A player without sound: a prompt that lasts ``speaks_s`` seconds, unless the listener holds or cuts it."""

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
        """Whether the prompt goes on, or is on hold."""
        return self._held or self._loop.time() - self._since < self._left

    async def hold(self) -> None:
        """Silence for the moment."""
        if self.speaking and not self._held:
            self._left -= self._loop.time() - self._since
            self._held = True

    def resume(self) -> None:
        """Go on."""
        if self._held:
            self._held, self._since = False, self._loop.time()

    async def flush(self) -> None:
        """Silence."""
        self._held, self._left = False, 0.0


class AudioReplayer:
    """Listens to the turns of one call."""

    def __init__(
        self,
        sound: CallRecording,
        exact: bool,
        turns: Sequence[HistoryTurn],
        engines: ReplayEngines,
        office: Content,
    ) -> None:
        self._sound, self._exact, self._turns = sound, exact, turns
        self._engines, self._office = engines, office

    async def turn(
        self, turn: HistoryTurn, before: HistoryTurn | None, question: AskedQuestion
    ) -> ReplayedTurn:
        """What is heard today where ``turn`` was heard then; ``before`` is the turn before it."""
        judge = TodaysJudge(self._engines, self._office, question.lang)
        course = turn.course if self._exact else None
        prompt: Prompt | Spoken
        if course is None:
            start = round((turn.since + (question.delay_s if question.anew else 0.0)) / FRAME_S)
            prompt, recogniser = Prompt(question.speaks_s), TodaysRecogniser(self._engines, _decode_s(turn))
        else:
            start, then = course.since - 1, decodes(course)
            prompt = Spoken(course)
            decode_s = max(map(took_s, then.values()), default=DECODE_S)
            recogniser = TodaysRecogniser(self._engines, decode_s, then)
        ear = Listener(KnownVoice(self._sound.voice[start:]), recogniser, prompt)
        recogniser.ear = ear
        ear.resume_at(start, self._sound.frames[max(0, start - HISTORY) : start], self._last_turn(before))
        feeding = asyncio.create_task(self._feed(ear, start, prompt, self._keys(turn)))
        try:
            if not question.anew and course is None:
                await asyncio.sleep(question.delay_s)
            caught = await self._caught(ear, prompt, question.question, judge, feeding)
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding
        return await self._listened(turn, question, caught, judge)

    async def _caught(
        self,
        listener: Listener,
        prompt: Prompt | Spoken,
        question: Question,
        interpreter: TodaysJudge,
        feeding: asyncio.Task[None],
    ) -> CallerTurn | None:
        """The next turn that the listener hears; None when the recording ends before."""
        exchange = asyncio.create_task(
            say_and_listen(_already_said, prompt, listener, question, self._office, interpreter)
        )
        await asyncio.wait({exchange, feeding}, return_when=asyncio.FIRST_COMPLETED)
        if exchange.done():
            return exchange.result()
        exchange.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await exchange
        return None

    async def _listened(
        self, turn: HistoryTurn, question: AskedQuestion, caught: CallerTurn | None, judge: TodaysJudge
    ) -> ReplayedTurn:
        then = turn.speech
        lost = not self._exact and then is not None and bool(then.sum) and self._sound.stretch(then) is None
        if caught is None:
            return ReplayedTurn(None, lost=lost)
        if caught.key:
            return ReplayedTurn(CallerReply(key=caught.key), lost=lost)
        if caught.interpretation is None:
            return ReplayedTurn(CallerReply(), lost=lost)
        judged = caught.interpretation
        course = turn.course if self._exact else None
        late_s = 0.0
        if then is None:
            same_cut = True
        elif course is None:
            same_cut = _same_cut(then, caught)
        else:
            same_cut = (course.first, course.last) == caught.trace.voice
            late_s = then.start_s - course.first * FRAME_S
        same_sound = then is not None and caught.span.sum == then.sum
        if then is not None and then.sum and same_cut and not same_sound:
            pcm = self._sound.stretch(then, late_s)
            if pcm is not None:
                judged, same_sound = await self._meant(pcm, question.question, judge, course), True
        said = judged.transcript
        heard = CallerReply(
            text=said.text, lang=said.lang or question.lang, confidence=said.confidence,
            intent=judged.intent, urgent=judged.urgent, spoke=True,
        )  # fmt: skip
        return ReplayedTurn(heard, said.engine, same_sound, same_cut, lost)

    async def _feed(
        self, ear: Listener, start: int, prompt: Prompt | Spoken, keys: Mapping[int, Sequence[str]]
    ) -> None:
        """The line: a frame every 20 ms, keys after the frame after which they came, until the recording ends."""
        await asyncio.sleep(FRAME_S / 2)  # the ear listens before the first frame
        for index in range(start, len(self._sound.frames)):
            for key in keys.get(index, ()):
                ear.key(key)
            if isinstance(prompt, Spoken):
                prompt.frame = index + 1
            ear.hear(self._sound.frames[index])
            await asyncio.sleep(FRAME_S)

    def _keys(self, turn: HistoryTurn) -> dict[int, list[str]]:
        """The keys from this turn on, by the frames heard before them."""
        found: dict[int, list[str]] = {}
        for one in self._turns[self._turns.index(turn) :]:
            if one.key and one.key != WITHHELD_NUMBER:
                exact = one.course if self._exact else None
                first = exact.until if exact else round(one.t / FRAME_S)
                for number, key in enumerate(one.key):
                    found.setdefault(first + number * KEY_FRAMES, []).append(key)
        return found

    def _last_turn(self, before: HistoryTurn | None) -> tuple[int, int] | None:
        """First and last voiced frame of the turn before: who goes on at once is heard as one sentence."""
        if before is None or before.speech is None:
            return None
        if self._exact and before.course is not None:
            first, last = before.course.first, before.course.last
        else:
            first, last = round(before.speech.start_s / FRAME_S), round(before.speech.end_s / FRAME_S)
        too_long = (last - first + 1) * FRAME_S >= self._office.callflow.limits.speech_s
        return None if too_long else (first, last)

    async def _meant(
        self, pcm: bytes, question: Question, judge: TodaysJudge, course: events.Listened | None
    ) -> Interpretation:
        """What a stretch of audio means, listened to as often as then."""
        then = decodes(course) if course is not None else {}
        recogniser = TodaysRecogniser(self._engines, 0.0, {NOW: then[max(then)]} if then else {})
        utterance = recogniser.utterance(question.langs, question.hotwords(self._office))
        utterance.feed(pcm)
        return await understood(utterance, judge, question=question.about_topic)


async def _already_said() -> None:
    """A replay plays no prompt: ``Prompt`` and ``Spoken`` know when one was played."""


class KnownVoice:
    """Voice activity that is known already."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._next = iter(probabilities)

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None:
        tell(next(self._next))


class TodaysJudge:
    """What a transcript means today."""

    def __init__(self, engines: ReplayEngines, office: Content, lang: str) -> None:
        self._engines, self._office, self._lang = engines, office, lang

    async def __call__(self, transcript: Transcript, final: bool) -> Interpretation:
        if not final:  # replays listen to whole turns
            return Interpretation(transcript, None, complete=False)
        return await self._engines.judge(transcript, self._office, self._lang)


class TodaysRecogniser:
    """Today's recogniser, as quick as the one of then and listening as often: ``then`` has its decodes by the frame
    at which they began; ``decode_s`` is for those that were none then.

    ``well_s``, ``again_s``: what listening well and listening a second time take after a quick listening that was not
    enough; where they were noted, their time is in that of the decode.
    """

    name = "replay"
    languages = frozenset[str]()

    def __init__(
        self,
        engines: ReplayEngines,
        decode_s: float,
        then: Mapping[int, Decode] | None = None,
        *,
        well_s: float = 0.0,
        again_s: float = 0.0,
    ) -> None:
        self.engines, self.well_s, self.again_s = engines, well_s, again_s
        self._decode_s, self._then = decode_s, then or {}
        self.ear: Listener | None = None

    @property
    def decode_s(self) -> float:
        """Seconds that a decode takes which begins now."""
        return self._decode_s if self.then is None else took_s(self.then)

    @property
    def then(self) -> Decode | None:
        """The decode of then that began now."""
        return self._then.get(self.ear.frame if self.ear else NOW)

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> _Utterance:
        return _Utterance(self, langs, hotwords)

    async def close(self) -> None:
        pass


class _Utterance:
    """One stretch of speech."""

    def __init__(self, recogniser: TodaysRecogniser, langs: Sequence[str], hotwords: str) -> None:
        self._recogniser, self._langs, self._hotwords = recogniser, langs, hotwords
        self._pcm = bytearray()
        self._once = self._quickly = False

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def partial(self) -> Transcript | None:
        return None

    async def quick(self) -> Transcript | None:
        then = self._recogniser.then
        self._once, self._quickly = then is not None and then.once, True
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
    """Seconds from the first pause to the judged text, then."""
    if turn.speech is None or not turn.speech.decode_s:
        return DECODE_S
    return min(
        LONGEST_DECODE_S, turn.speech.decode_s + (turn.understood.ms / 1000 if turn.understood else 0.0)
    )


def _same_cut(then: events.Heard, caught: CallerTurn) -> bool:
    """Whether the ear cut the turn as then; silence that the line put into it then does not count."""
    length, was = caught.end_s - caught.start_s, then.end_s - then.start_s
    filled = len(gaps(then)) * FRAME_S
    near = abs(caught.start_s - then.start_s) <= SAME_PLACE_S
    return near and was - filled - SAME_CUT_S <= length <= was + SAME_CUT_S
