"""Listening: frames in, one ``CallerTurn`` out: what the caller said, or the key he pressed, or nothing.

The ear is the one authority on whose turn it is.  It holds the prompt at a first sound, stops it when the
sound is speech, starts to decode in the caller's first pause and throws that away when he goes on.  A turn
ends after a short silence when what was said is complete, after a longer one otherwise.

A caller who goes on within ``REJOIN_S`` of a turn that we took for ended is heard as one sentence.

Turns are counted in frames, one after the other, however late this machine is with them: what a turn came to depends
on its frames and on its ``TurnTrace`` alone, and a replay that has both comes to the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from ivr.call.audio.interpretation import Decoding, Interpretation, Interpreter
from ivr.call.audio.turn_detector import FRAME_S, DetectedTurn, TurnDetector, TurnState
from ivr.call.audio.turn_trace import DecodedSpan, TurnTrace, TurnTraceBuilder
from ivr.core.audio import FRAME_BYTES
from ivr.core.errors import RecogniserError
from ivr.speech.stt import CLEAR, DOUBTFUL, FINISHED, SURELY_FINISHED, Recogniser, Utterance

PREROLL_S = 0.3
"""Audio before the first voiced frame that belongs to the utterance: soft consonants."""
TAIL_S = 0.2
HISTORY_FRAMES = 1600
"""Frames kept (32 s): more than the longest utterance."""
REJOIN_S = 1.5
HANG_S = 6.0
"""Seconds of silence after which a decode that is still running counts as failed."""
KEY_GAP_S = 4.0
"""Seconds after a key of a number within which the next one comes."""
PARTIAL_FRAMES = 25
MIDDLING = 0.5
"""How finished he sounds where nobody can tell: neither so nor so."""
NO_SOUND = bytes(FRAME_BYTES)


@dataclass(frozen=True)
class EndOfTurnPolicy:
    """Silences in seconds after which it is our turn, before we speak again, and the longest turn.

    ``quick_s``: after a complete sentence of one who sounds finished; ``complete_s``: after any other complete
    sentence, and one that was heard clearly of one who has surely finished; ``incomplete_s``: where either is in
    doubt; ``unfinished_s``: where both are.
    """

    quick_s: float = 0.3
    complete_s: float = 0.64
    incomplete_s: float = 1.0
    unfinished_s: float = 1.2
    no_input_s: float = 6.0
    longest_s: float = 25.0

    def always(self, silence_s: float) -> EndOfTurnPolicy:
        """The same whatever is said: people breathe between the groups of a number."""
        return replace(
            self, quick_s=silence_s, complete_s=silence_s, incomplete_s=silence_s, unfinished_s=silence_s
        )

    def after(self, judged: Interpretation) -> float:
        """The silence that ends this turn."""
        heard = judged.transcript
        finished = MIDDLING if heard.finished is None else heard.finished
        if finished < DOUBTFUL:
            return self.incomplete_s if judged.complete else self.unfinished_s
        if judged.complete:
            return self.quick_s if finished >= FINISHED else self.complete_s
        clear = finished >= SURELY_FINISHED and heard.confidence >= CLEAR
        return self.complete_s if clear else self.incomplete_s


@dataclass(frozen=True)
class CallerTurn:
    """One turn of the caller: a key, speech (``judged``), or neither after ``waited_s`` of silence.

    All empty: a noise cut our prompt short.
    """

    key: str = ""
    judged: Interpretation | None = None
    start_s: float = 0.0
    end_s: float = 0.0
    decode_s: float = 0.0
    waited_s: float = 0.0
    stretch: DecodedSpan = DecodedSpan()
    course: TurnTrace = TurnTrace()


class Prompting(Protocol):
    """What the ear may do to the mouth."""

    @property
    def speaking(self) -> bool: ...
    async def hold(self) -> None: ...
    def resume(self) -> None: ...
    async def flush(self) -> None: ...


class VoiceActivity(Protocol):
    """Tells the probability of voice in a frame of 20 ms, at once or a little later; frames in order."""

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None: ...


@dataclass(slots=True)
class _Frame:
    """The frame of that number, or a key or the end of a decode (``decoded``) that came after it.

    ``voice``: its probability, None until it was looked at.  ``speaking``: whether we spoke then.
    """

    index: int
    speaking: bool = False
    key: str = ""
    decoded: bool = False
    voice: float | None = None


class Listener:
    """One caller's ear.  The line feeds ``hear`` and ``key``; the conversation calls ``listen``."""

    def __init__(self, vad: VoiceActivity, recogniser: Recogniser, mouth: Prompting) -> None:
        self.turns = TurnDetector()
        self._vad = vad
        self._recogniser = recogniser
        self._mouth = mouth
        self._audio: deque[bytes] = deque(maxlen=HISTORY_FRAMES)
        self._rest = b""
        self._heard = 0
        self._unseen: deque[_Frame] = deque()  # being looked at for voice, and what came after them
        self._frames: asyncio.Queue[_Frame] = asyncio.Queue(HISTORY_FRAMES)
        self._last_turn: tuple[int, int] | None = None  # first and last voiced frame of the turn before

    @property
    def now_s(self) -> float:
        """Seconds of audio heard so far."""
        return self._heard * FRAME_S

    def hear(self, pcm: bytes) -> None:
        """Audio of the caller, any even length; never waits."""
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            frame, self._rest = self._rest[:FRAME_BYTES], self._rest[FRAME_BYTES:]
            self._audio.append(frame)
            self._heard += 1
            heard = _Frame(self._heard, self._mouth.speaking)
            self._unseen.append(heard)
            self._vad.look(frame, partial(self._seen, heard))

    def key(self, digit: str) -> None:
        """A key was pressed."""
        pressed = _Frame(self._heard, key=digit)
        self._unseen.append(pressed)
        self._seen(pressed, 0.0)

    async def listen(
        self,
        langs: Sequence[str],
        judge: Interpreter,
        patience: EndOfTurnPolicy,
        *,
        hotwords: str = "",
        question: bool = False,
    ) -> CallerTurn:
        """The caller's next turn; ``question`` as in ``hearing.understood``.

        Raises RecogniserError when decoding fails or hangs.
        """
        hearing: Decoding | None = None
        waited, cut = 0, False
        log = TurnTraceBuilder(self._heard)
        self.turns.reset()
        try:
            while True:
                frame = await self._frames.get()
                if frame.key:
                    return await self._pressed(frame, log)
                if frame.decoded and hearing is None:  # of what was a noise
                    continue
                turn = self._step(frame, log)
                if hearing is None:
                    await self._give_way(turn)
                    if self.turns.state not in (TurnState.SPEECH, TurnState.TRAILING):
                        quiet = self.turns.state is TurnState.QUIET and not frame.speaking
                        waited = waited + 1 if quiet else 0
                        if waited * FRAME_S < patience.no_input_s:
                            continue
                        return CallerTurn(
                            waited_s=waited * FRAME_S,
                            end_s=frame.index * FRAME_S,
                            course=log.course(frame.index),
                        )
                    cut = cut or frame.speaking
                    await self._mouth.flush()
                    hearing = self._start(self._recogniser.utterance(langs, hotwords), judge, question, log)
                self._feed(hearing)
                sound = self._follow(hearing, turn, patience)
                if sound is None:
                    continue
                if not self._is_noise(sound):
                    return sound
                hearing.drop()
                hearing, waited = None, 0
                if cut:  # it stopped our prompt: whoever asked may say it again
                    return CallerTurn(end_s=sound.end_s, course=log.course(frame.index))
        finally:
            if hearing is not None:
                hearing.drop()

    async def _pressed(self, frame: _Frame, log: TurnTraceBuilder) -> CallerTurn:
        """A key: we fall silent, and what he was saying is forgotten."""
        await self._mouth.flush()
        self.turns.reset()
        self._last_turn = None
        return CallerTurn(key=frame.key, end_s=frame.index * FRAME_S, course=log.course(frame.index))

    async def _give_way(self, turn: DetectedTurn | None) -> None:
        """Our prompt waits at his first sound, and goes on where that was none."""
        if turn is DetectedTurn.ONSET:
            await self._mouth.hold()
        if turn is DetectedTurn.COUGH:
            self._mouth.resume()

    async def dialled(self, first: str, most: int) -> str:
        """The keys that follow ``first``, with it: until # (which is left out), a pause, or so many."""
        keys, waited = first, 0
        while keys[-1] not in "#*" and len(keys) < most and waited * FRAME_S < KEY_GAP_S:
            frame = await self._frames.get()
            keys, waited = (keys + frame.key, 0) if frame.key else (keys, waited + (not frame.decoded))
            self.turns.frame = frame.index
        self.turns.reset()
        return keys if keys in ("#", "*") else keys.rstrip("#")

    def resume_at(self, frame: int, before: Sequence[bytes], last_turn: tuple[int, int] | None) -> None:
        """Go on in the middle of a call: ``frame`` frames were heard, of which ``before`` are the newest;
        ``last_turn``: first and last voiced frame of the turn before.
        """
        self._heard = self.turns.frame = frame
        self._last_turn = last_turn
        self._audio.extend(before)

    def forget(self) -> None:
        """Throw away what came in while nobody was to listen (during a recording, for instance)."""
        self.turns.reset()
        self.turns.frame = self._heard
        self._last_turn = None
        self._unseen.clear()
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._frames.get_nowait()

    def _seen(self, frame: _Frame, voice: float) -> None:
        """What the voice activity found in it; goes on in the order in which they came."""
        frame.voice = voice
        while self._unseen and self._unseen[0].voice is not None:
            self._put(self._unseen.popleft())

    def _decoded(self) -> None:
        """A decode is over: what it says is not left lying until the next frame comes."""
        self._put(_Frame(self.turns.frame, decoded=True))

    def _put(self, frame: _Frame) -> None:
        if self._frames.full():  # nobody has listened for 32 s: the oldest goes
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    def _step(self, frame: _Frame, log: TurnTraceBuilder) -> DetectedTurn | None:
        """The next frame's turn, in the order of frames and at their own pace; none at the end of a decode."""
        if frame.decoded:
            return None
        frame.speaking = log.takes(frame.index, frame.speaking)
        self.turns.frame = frame.index - 1
        self.turns.over_prompt = frame.speaking
        return self.turns.step(frame.voice or 0.0)

    def _start(
        self, utterance: Utterance, judge: Interpreter, question: bool, log: TurnTraceBuilder
    ) -> Decoding:
        first = self.turns.start
        if self._last_turn is not None and (first - self._last_turn[1]) * FRAME_S <= REJOIN_S:
            first = self._last_turn[0]
            self.turns.start = first
        first = max(first - int(PREROLL_S / FRAME_S), self._heard - len(self._audio) + 1, 1)
        return Decoding(utterance, judge, question, log, fed=first - 1, begin_at=first - 1)

    def _feed(self, hearing: Decoding) -> None:
        """Audio up to the last voiced frame and a little more: silence says nothing and costs time.

        Not while it is being decoded: what is decoded must not depend on when the decoder gets to it.
        """
        if hearing.task is not None:
            return
        upto = min(self.turns.frame, self.turns.last_voice + int(TAIL_S / FRAME_S))
        if upto <= hearing.fed:
            return
        newest = len(self._audio)
        first = newest - (self._heard - hearing.fed)
        last = newest - (self._heard - upto)
        frames = [self._audio[index] for index in range(max(0, first), last)]
        hearing.empty += [
            hearing.fed - hearing.begin_at + place for place, frame in enumerate(frames) if frame == NO_SOUND
        ]
        pcm = b"".join(frames)
        hearing.utterance.feed(pcm)
        hearing.fed, hearing.crc = upto, zlib.crc32(pcm, hearing.crc)

    def _follow(
        self, hearing: Decoding, turn: DetectedTurn | None, patience: EndOfTurnPolicy
    ) -> CallerTurn | None:
        """One frame further into an utterance; its Sound when it is over."""
        if turn is DetectedTurn.RESUMED and hearing.task is not None:
            hearing.task.cancel()
            hearing.task = None
            self._feed(hearing)
        if self.turns.state is TurnState.SPEECH:
            self._glance(hearing)
            if hearing.urgent is None and self.turns.speech_s < patience.longest_s:
                return None
        if hearing.task is None and hearing.urgent is None:
            hearing.begin(self.turns.frame, self._decoded)
        judged = hearing.urgent or self._result(hearing, patience)
        if judged is None:
            return None
        silence = self.turns.silence_s
        if (
            silence < patience.after(judged)
            and not judged.urgent
            and self.turns.speech_s < patience.longest_s
        ):
            return None
        start, last = self.turns.start, self.turns.last_voice
        # one who never pauses (a television) is not heard again from his first word
        self._last_turn = (start, last) if self.turns.speech_s < patience.longest_s else None
        self.turns.reset()
        return CallerTurn(
            judged=judged, start_s=start * FRAME_S, end_s=last * FRAME_S, decode_s=hearing.decode_s,
            stretch=hearing.stretch, course=hearing.log.course(self.turns.frame, (start, last)),
        )  # fmt: skip

    def _result(self, hearing: Decoding, patience: EndOfTurnPolicy) -> Interpretation | None:
        """The judged transcript when decoding is over, None while it runs.

        One that failed counts when the turn is over, too: a caller who goes on is decoded again.
        """
        assert hearing.task is not None
        if hearing.task.done():
            if hearing.task.exception() and self.turns.silence_s < patience.incomplete_s:
                return None
            hearing.done(self.turns.frame)
            return hearing.task.result()
        if hearing.first is not None and self.turns.silence_s >= patience.after(hearing.first):
            hearing.done(self.turns.frame, once=True)
            return hearing.first
        took_s = asyncio.get_running_loop().time() - hearing.began
        if min(self.turns.silence_s, took_s + self.turns.limits.pause_s) > HANG_S:
            raise RecogniserError(f"no text {HANG_S:g} s after the caller stopped speaking")
        return None

    def _glance(self, hearing: Decoding) -> None:
        """Look at the partial text of a streaming engine now and then: an emergency does not wait."""
        if hearing.partial is not None and hearing.partial.done():
            seen = hearing.partial.result()
            hearing.partial = None
            if seen is not None and seen.urgent:
                hearing.urgent = seen
        if hearing.partial is None and self.turns.frame % PARTIAL_FRAMES == 0:
            hearing.partial = asyncio.create_task(hearing.glance())

    def _is_noise(self, sound: CallerTurn) -> bool:
        """A sound without words that was too short for a sentence: as if it had not been."""
        text = sound.judged.transcript.text if sound.judged else ""
        if text or sound.end_s - sound.start_s > 0.8:
            return False
        self._last_turn = None
        return True
