"""Peers of the listener: speech whose words can be read back, a recogniser that reads them, a loudspeaker.

A word is spoken as 0.3 s of one number, so the recogniser hears exactly what it was fed: a frame lost or fed
twice changes the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from ivr.call.audio import listener
from ivr.call.audio.caller_turn import CallerTurn
from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.interpretation import Interpretation, Interpreter
from ivr.core.audio import FRAME_BYTES, frames, silence, to_samples
from ivr.core.errors import RecogniserError
from ivr.nlu.classifier import Intent
from ivr.speech.stt import Transcript

FRAME_S = 0.02
WORD_S = 0.3
FIRST = 9000
NOISE = 8000
WORDS: list[str] = []


def word(text: str, seconds: float = WORD_S) -> bytes:
    """One word, spoken."""
    if text not in WORDS:
        WORDS.append(text)
    return _level(FIRST + WORDS.index(text), seconds)


def speech(text: str) -> bytes:
    """Words without a gap; a number between them is a pause of so many seconds."""
    parts = text.split()
    return b"".join(silence(float(part)) if part[0].isdigit() else word(part) for part in parts)


def noise(seconds: float) -> bytes:
    """A sound as loud as speech, without a word."""
    return _level(NOISE, seconds)


def _level(number: int, seconds: float) -> bytes:
    count = round(seconds / FRAME_S) * FRAME_BYTES // 2
    return bytes(np.full(count, number, dtype="<i2").tobytes())


class LevelVad:
    """Takes loud sound for voice."""

    def look(self, frame: bytes, tell: Callable[[float], None]) -> None:
        tell(min(1.0, float(np.abs(to_samples(frame)).max()) / FIRST))


class Reader:
    """A recogniser that reads the words: ``delay_s`` a decode, failing, hanging or streaming on demand.

    ``finished`` is how finished the speaker sounds to it, ``confidence`` how sure it is of the words.

    ``reads_again``: what the second decode reads, and ``again_s`` how long it takes; ``quick_s``: how long a quick
    decode takes, None: there is none.

    ``decoded``: the text of every decode that began, and whether it ended.
    """

    name = "reader"
    languages = frozenset({"fr", "en", "es", "de", "it"})

    def __init__(
        self,
        delay_s: float = 0.1,
        *,
        fails: bool = False,
        streams: bool = False,
        finished: float | None = None,
        confidence: float = 0.9,
    ) -> None:
        self.delay_s, self.fails, self.streams = delay_s, fails, streams
        self.finished, self.confidence = finished, confidence
        self.partial_fails = self.fails_again = False
        self.error: Exception = RecogniserError("the decoder broke")
        self.reads_again: str | None = None
        self.quick_s: float | None = None
        self.again_s: float | None = None
        self.listened_again = self.listened_quickly = 0
        self.decoded: list[tuple[str, bool]] = []
        self.offered: list[tuple[tuple[str, ...], str]] = []
        self.fed: list[float] = []

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Reading:
        self.offered.append((tuple(langs), hotwords))
        return Reading(self, langs[0])

    async def close(self) -> None:
        pass


class Reading:
    """One utterance."""

    def __init__(self, reader: Reader, lang: str) -> None:
        self._reader, self._lang = reader, lang
        self._pcm = b""

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def partial(self) -> Transcript | None:
        if self._reader.partial_fails:
            raise RecogniserError("no partial today")
        return self._read() if self._reader.streams else None

    async def quick(self) -> Transcript | None:
        if self._reader.quick_s is None:
            return None
        self._reader.listened_quickly += 1
        await asyncio.sleep(self._reader.quick_s)
        return self._read()

    async def decode(self) -> Transcript:
        heard = self._read()
        self._reader.decoded.append((heard.text, False))
        self._reader.fed.append(len(self._pcm) / 32_000)
        await asyncio.sleep(self._reader.delay_s)
        if self._reader.fails:
            raise self._reader.error
        self._reader.decoded[-1] = (heard.text, True)
        return heard

    async def again(self) -> Transcript | None:
        again = self._reader.reads_again
        self._reader.listened_again += 1
        if again is None:
            return None
        await asyncio.sleep(self._reader.again_s or self._reader.delay_s)
        if self._reader.fails_again:
            raise RecogniserError("the decoder broke the second time")
        return Transcript(again, 0.8, self._lang, "reader")

    def _read(self) -> Transcript:
        numbers = [int(to_samples(frame)[0]) - FIRST for frame in frames(self._pcm)]
        said = [self._word(number) for number, _ in groupby(numbers) if number >= 0]
        reader = self._reader
        return Transcript(" ".join(said), reader.confidence, self._lang, "reader", reader.finished)

    def _word(self, number: int) -> str:
        return WORDS[number] if number < len(WORDS) else "?"


class Loudspeaker:
    """Plays a prompt of ``length_s`` seconds; ``done``: what happened to it, and when."""

    def __init__(self, length_s: float = 0.0) -> None:
        self._until = asyncio.get_running_loop().time() + length_s
        self.done: list[tuple[str, float]] = []

    @property
    def speaking(self) -> bool:
        return asyncio.get_running_loop().time() < self._until

    async def hold(self) -> None:
        self._note("hold")

    def resume(self) -> None:
        self._note("resume")

    async def flush(self) -> None:
        if self.speaking:
            self._note("flush")
        self._until = 0.0

    def _note(self, what: str) -> None:
        self.done.append((what, round(asyncio.get_running_loop().time(), 2)))


def interpreter(*complete: str, intent: str = "louvre.price") -> Interpreter:
    """Return an interpreter for which these sentences are complete and "ambulance" is urgent."""

    async def interpreted(transcript: Transcript, final: bool) -> Interpretation:
        understood = Intent(intent, 0.9, ((intent, 0.9),)) if transcript.text else None
        urgent = "ambulance" in transcript.text
        return Interpretation(transcript, understood, complete=transcript.text in complete, urgent=urgent)

    return interpreted


class ListenerHarness:
    """A listener and its peers; ``hears`` runs one turn of the caller against the clock."""

    def __init__(self, recogniser: Reader | None = None, prompt_s: float = 0.0) -> None:
        self.recogniser = recogniser or Reader()
        self.loudspeaker = Loudspeaker(prompt_s)
        self.listener = listener.Listener(LevelVad(), self.recogniser, self.loudspeaker)
        self.policy = EndOfTurnPolicy()
        self.question = False

    async def feed(self, pcm: bytes) -> None:
        """Feed audio to the listener in real time."""
        for frame in frames(pcm):
            self.listener.hear(frame)
            await asyncio.sleep(FRAME_S)

    async def turn(
        self, interpreter: Interpreter | None = None, langs: Sequence[str] = ("en",)
    ) -> CallerTurn:
        """Return the next turn of what is fed meanwhile."""
        listening = self.listener.listen(
            langs, interpreter or _interpret_all, self.policy, hotwords="Louvre", question=self.question
        )
        return await asyncio.wait_for(listening, 120)

    async def hears(
        self, *sounds: bytes | str, interpreter: Interpreter | None = None, langs: Sequence[str] = ("en",)
    ) -> CallerTurn:
        """Return the turn that these sounds (bytes) and keys (str) make, with silence after them."""
        feeding = asyncio.create_task(self._feed_all(sounds))
        try:
            return await self.turn(interpreter, langs)
        finally:
            feeding.cancel()

    async def _feed_all(self, sounds: Sequence[bytes | str]) -> None:
        for sound in sounds:
            if isinstance(sound, str):
                self.listener.key(sound)
            else:
                await self.feed(sound)
        while True:
            await self.feed(silence(1.0))


_interpret_all = interpreter()


def text(sound: CallerTurn) -> str:
    """Return what was heard."""
    assert sound.interpretation is not None
    return sound.interpretation.transcript.text
