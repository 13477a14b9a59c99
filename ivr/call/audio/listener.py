"""Listening to the caller: audio frames and keys in, one ``CallerTurn`` out.

The listener alone decides whose turn it is.  ``TurnDetector`` tells it what each frame means for the turn::

    detector   detected    what the listener does
    --------   ---------   ------------------------------------------------------------------------------
    QUIET      -           counts silence; after ``no_input_s`` the turn ends without speech
    ONSET      ONSET       holds the prompt: the sound may become speech
    QUIET      COUGH       resumes the prompt: the sound was too short for speech
    SPEECH     SPEECH      stops the prompt and feeds the audio to a new utterance of the recogniser
    TRAILING   PAUSE       starts to decode what was fed, and waits for a result
    SPEECH     RESUMED     throws the decode away and feeds on: the caller has continued
    TRAILING   -           ends the turn when the silence is as long as ``EndOfTurnPolicy`` asks for
    any        (a key)     stops the prompt and ends the turn with that key

A turn also ends at once with an emergency, and after ``longest_s`` of speech.  An utterance without words that is
shorter than ``NOISE_S`` is a noise: listening continues, or the turn ends empty when the noise has stopped a prompt.
A caller who continues within ``REJOIN_S`` after the end of a turn is heard as one sentence.

Time is counted in frames, however late this machine processes them.  A turn depends on its frames and on its
``TurnTrace`` alone, so that a replay with both comes to the same turn.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Protocol

import numpy as np

from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.frame_queue import Frame, FrameQueue
from ivr.call.audio.interpretation import Decoding, Interpretation, Interpreter
from ivr.call.audio.turn_detector import FRAME_S, DetectedTurn, TurnDetector, TurnState
from ivr.call.audio.turn_trace import TurnTraceBuilder
from ivr.core.audio import FRAME_BYTES, to_floats
from ivr.core.errors import RecogniserError
from ivr.speech.stt import Recogniser, Utterance

PREROLL_S = 0.3
"""Seconds before the first voiced frame that belong to the utterance: soft consonants."""
TAIL_S = 0.2
"""Seconds after the last voiced frame that are decoded."""
HISTORY_FRAMES = 1600
"""Frames kept (32 s): more than the longest utterance."""
REJOIN_S = 1.5
"""Seconds after a turn within which more speech belongs to the same sentence."""
NOISE_S = 0.8
"""Seconds of sound up to which an utterance without words is a noise."""
HANG_S = 6.0
"""Seconds of silence after which a decode that still runs has failed."""
KEY_GAP_S = 4.0
"""Seconds after a key of a number within which the next key follows."""
PARTIAL_FRAMES = 25
"""Frames between two looks at the partial text of a streaming recogniser."""
LOUD = 0.0056
"""Root mean square (-45 dBFS) from which a sound without speech is no silence: music, tones, a machine."""
NO_SOUND = bytes(FRAME_BYTES)


class PromptControl(Protocol):
    """What the listener may do to the prompt that is played."""

    @property
    def speaking(self) -> bool:
        """Whether a prompt is played or on hold."""

    async def hold(self) -> None:
        """Stop for the moment."""

    def resume(self) -> None:
        """Continue after a hold."""

    async def flush(self) -> None:
        """Stop for good."""


class VoiceActivity(Protocol):
    """Detects voice in the frames of one caller."""

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None:
        """Call ``tell`` with the probability of voice in ``frame`` (20 ms of s16le at 16 kHz), at once or later.

        Frames come in order.
        """


class Listener:
    """Listens to one caller.  The leg feeds ``hear`` and ``key``; the conversation calls ``listen``.

    vad: voice activity detection for this caller.
    recogniser: speech to text.
    player: plays the prompts.
    """

    def __init__(self, vad: VoiceActivity, recogniser: Recogniser, player: PromptControl) -> None:
        self._detector = TurnDetector()
        self._vad = vad
        self._recogniser = recogniser
        self._player = player
        self._audio: deque[bytes] = deque(maxlen=HISTORY_FRAMES)
        self._rest = b""
        self._received = 0  # frames
        self._unseen: deque[Frame] = deque()  # frames without a result of the VAD, and what came after them
        self._frames = FrameQueue(HISTORY_FRAMES)
        self._last_turn: tuple[int, int] | None = None  # first and last voiced frame of the turn before

    @property
    def now_s(self) -> float:
        """Seconds of audio received."""
        return self._received * FRAME_S

    @property
    def frame(self) -> int:
        """The number of the last frame that was listened to; the first is 1."""
        return self._detector.frame

    def hear(self, pcm: bytes) -> None:
        """Take audio of the caller: s16le at 16 kHz, of any even length.  Never waits."""
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            audio, self._rest = self._rest[:FRAME_BYTES], self._rest[FRAME_BYTES:]
            self._audio.append(audio)
            self._received += 1
            frame = Frame(self._received, self._player.speaking)
            self._unseen.append(frame)
            self._vad.look(audio, partial(self._seen, frame))

    def key(self, digit: str) -> None:
        """Take a key: one of ``0``-``9``, ``*`` and ``#``."""
        pressed = Frame(self._received, key=digit)
        self._unseen.append(pressed)
        self._seen(pressed, 0.0)

    async def listen(
        self,
        langs: Sequence[str],
        interpreter: Interpreter,
        policy: EndOfTurnPolicy,
        *,
        hotwords: str = "",
        question: bool = False,
    ) -> CallerTurn:
        """Return the caller's next turn.

        langs: codes of the languages that may be spoken.
        interpreter: gives a transcript its meaning.
        policy: the silences that end the turn.
        hotwords: words that the recogniser prefers.
        question: whether a topic is asked for (see ``interpretation.understood``).

        Raises RecogniserError when decoding fails or hangs.
        """
        decoding: Decoding | None = None
        waited, cut = 0, False
        trace = TurnTraceBuilder(self._received)
        self._detector.reset()
        try:
            while True:
                frame = await self._frames.get()
                if frame.key:
                    return await self._pressed(frame, trace)
                if frame.decoded and decoding is None:  # a decode of a noise
                    continue
                detected = self._step(frame, trace)
                if decoding is None:
                    await self._hold_or_resume(detected)
                    if self._detector.state not in (TurnState.SPEECH, TurnState.TRAILING):
                        quiet = self._detector.state is TurnState.QUIET and not frame.speaking
                        waited = waited + 1 if quiet else 0
                        if waited * FRAME_S < policy.no_input_s:
                            continue
                        return CallerTurn(
                            waited_s=waited * FRAME_S,
                            heedless_s=waited * FRAME_S if self._loud(waited) else 0.0,
                            end_s=frame.index * FRAME_S,
                            trace=trace.build(frame.index),
                        )
                    cut = cut or frame.speaking
                    await self._player.flush()
                    utterance = self._recogniser.utterance(langs, hotwords)
                    decoding = self._start(utterance, interpreter, question, trace)
                self._feed(decoding)
                turn = self._follow(decoding, detected, policy)
                if turn is None:
                    continue
                if not self._without_words(turn):
                    spoke_s = turn.end_s - turn.start_s
                    heedless = cut or spoke_s + FRAME_S >= policy.longest_s
                    return replace(turn, heedless_s=spoke_s) if heedless else turn
                decoding.drop()
                decoding, waited = None, 0
                if cut:
                    return CallerTurn(end_s=turn.end_s, trace=trace.build(frame.index))
        finally:
            if decoding is not None:
                decoding.drop()

    async def _pressed(self, frame: Frame, trace: TurnTraceBuilder) -> CallerTurn:
        """End the turn with a key; speech before it is forgotten."""
        await self._player.flush()
        self._detector.reset()
        self._last_turn = None
        return CallerTurn(key=frame.key, end_s=frame.index * FRAME_S, trace=trace.build(frame.index))

    async def _hold_or_resume(self, detected: DetectedTurn | None) -> None:
        if detected is DetectedTurn.ONSET:
            await self._player.hold()
        if detected is DetectedTurn.COUGH:
            self._player.resume()

    async def dialled(self, first: str, most: int) -> str:
        """Collect the keys of a number and return them.

        first: the key that was pressed already.  most: the most keys in all.

        Collection ends with ``#``, which is left out, with ``*``, after a pause, or with the last key.
        """
        keys, waited = first, 0
        while keys[-1] not in "#*" and len(keys) < most and waited * FRAME_S < KEY_GAP_S:
            frame = await self._frames.get()
            keys, waited = (keys + frame.key, 0) if frame.key else (keys, waited + (not frame.decoded))
            self._detector.frame = frame.index
        self._detector.reset()
        return keys if keys in ("#", "*") else keys.rstrip("#")

    def resume_at(self, frame: int, before: Sequence[bytes], last_turn: tuple[int, int] | None) -> None:
        """Begin in the middle of a call.

        frame: how many frames have been received.  before: the newest of these frames.
        last_turn: first and last voiced frame of the turn before.
        """
        self._received = self._detector.frame = frame
        self._last_turn = last_turn
        self._audio.extend(before)

    def forget(self) -> None:
        """Drop what has come in while the caller was not listened to, for example during a recording."""
        self._detector.reset()
        self._detector.frame = self._received
        self._last_turn = None
        self._unseen.clear()
        self._frames.clear()

    def _seen(self, frame: Frame, voice: float) -> None:
        """The result of the VAD for one frame.  Frames go on in the order in which they came."""
        frame.voice = voice
        while self._unseen and self._unseen[0].voice is not None:
            self._frames.put(self._unseen.popleft())

    def _decoded(self) -> None:
        """A decode has ended: its result does not wait for the next frame."""
        self._frames.put(Frame(self._detector.frame, decoded=True))

    def _step(self, frame: Frame, trace: TurnTraceBuilder) -> DetectedTurn | None:
        """Feed the detector, in the order of frames; the end of a decode is no frame."""
        if frame.decoded:
            return None
        frame.speaking = trace.takes(frame.index, frame.speaking)
        self._detector.frame = frame.index - 1
        self._detector.over_prompt = frame.speaking
        return self._detector.step(frame.voice or 0.0)

    def _start(
        self, utterance: Utterance, interpreter: Interpreter, question: bool, trace: TurnTraceBuilder
    ) -> Decoding:
        first = self._detector.start
        if self._last_turn is not None and (first - self._last_turn[1]) * FRAME_S <= REJOIN_S:
            first = self._last_turn[0]
            self._detector.start = first
        first = max(first - int(PREROLL_S / FRAME_S), self._received - len(self._audio) + 1, 1)
        return Decoding(utterance, interpreter, question, trace, fed=first - 1, begin_at=first - 1)

    def _feed(self, decoding: Decoding) -> None:
        """Feed audio up to the last voiced frame and ``TAIL_S``: more silence only costs time.

        Nothing is fed during a decode: what is decoded must not depend on the decoder's speed.
        """
        if decoding.task is not None:
            return
        upto = min(self._detector.frame, self._detector.last_voice + int(TAIL_S / FRAME_S))
        if upto <= decoding.fed:
            return
        newest = len(self._audio)
        first = newest - (self._received - decoding.fed)
        last = newest - (self._received - upto)
        frames = [self._audio[index] for index in range(max(0, first), last)]
        decoding.gaps += [
            decoding.fed - decoding.begin_at + place
            for place, frame in enumerate(frames)
            if frame == NO_SOUND
        ]
        pcm = b"".join(frames)
        decoding.utterance.feed(pcm)
        decoding.fed, decoding.crc = upto, zlib.crc32(pcm, decoding.crc)

    def _follow(
        self, decoding: Decoding, detected: DetectedTurn | None, policy: EndOfTurnPolicy
    ) -> CallerTurn | None:
        """Take one more frame of an utterance; returns the turn when it is over."""
        if detected is DetectedTurn.RESUMED and decoding.task is not None:
            decoding.task.cancel()
            decoding.task = None
            self._feed(decoding)
        if self._detector.state is TurnState.SPEECH:
            self._glance(decoding)
            if decoding.urgent is None and self._detector.speech_s < policy.longest_s:
                return None
        if decoding.task is None and decoding.urgent is None:
            decoding.begin(self._detector.frame, self._decoded)
        heard = decoding.urgent or self._result(decoding, policy)
        if heard is None:
            return None
        too_long = self._detector.speech_s >= policy.longest_s
        if self._detector.silence_s < policy.after(heard) and not heard.urgent and not too_long:
            return None
        start, last = self._detector.start, self._detector.last_voice
        # speech without a pause, such as a television's, is not decoded again from its first word
        self._last_turn = None if too_long else (start, last)
        self._detector.reset()
        return CallerTurn(
            interpretation=heard,
            start_s=start * FRAME_S,
            end_s=last * FRAME_S,
            decode_s=decoding.decode_s,
            span=decoding.span,
            trace=decoding.trace.build(self._detector.frame, (start, last)),
        )

    def _result(self, decoding: Decoding, policy: EndOfTurnPolicy) -> Interpretation | None:
        """What was heard when decoding is over, None while it runs.

        A failure counts when the turn is over: a caller who continues is decoded again.
        """
        assert decoding.task is not None
        if decoding.task.done():
            if decoding.task.exception() and self._detector.silence_s < policy.incomplete_s:
                return None
            decoding.done(self._detector.frame)
            return decoding.task.result()
        if decoding.first is not None and self._detector.silence_s >= policy.after(decoding.first):
            decoding.done(self._detector.frame, once=True)
            return decoding.first
        took_s = asyncio.get_running_loop().time() - decoding.began
        if min(self._detector.silence_s, took_s + self._detector.limits.pause_s) > HANG_S:
            raise RecogniserError(f"no text {HANG_S:g} s after the caller stopped speaking")
        return None

    def _glance(self, decoding: Decoding) -> None:
        """Look at the partial text of a streaming recogniser: an emergency does not wait."""
        if decoding.partial is not None and decoding.partial.done():
            seen = decoding.partial.result()
            decoding.partial = None
            if seen is not None and seen.urgent:
                decoding.urgent = seen
        if decoding.partial is None and self._detector.frame % PARTIAL_FRAMES == 0:
            decoding.partial = asyncio.create_task(decoding.glance())

    def _loud(self, count: int) -> bool:
        """Whether the newest ``count`` frames hold more than the noise of a line."""
        sound = to_floats(b"".join(islice(reversed(self._audio), count)))
        return sound.size > 0 and float(np.sqrt(np.mean(sound**2))) > LOUD

    def _without_words(self, turn: CallerTurn) -> bool:
        """Whether it was a noise, which then counts as if it had not been."""
        text = turn.interpretation.transcript.text if turn.interpretation else ""
        if text or turn.end_s - turn.start_s > NOISE_S:
            return False
        self._last_turn = None
        return True
