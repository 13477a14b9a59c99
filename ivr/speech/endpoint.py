"""Has the caller finished?  Told by how his last words sound: a voice that falls has ended, one that hangs has not.

Smart Turn v3 (BSD-2-Clause, 23 languages) is a small network on the log-mel spectrum of the last 8 seconds.  It says
nothing about words; what a sentence means is weighed beside it (``ivr.call.ear.Patience``).
Measurements: docs/speech.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

from ivr.audio import RATE, WIDTH, seconds, silence, to_floats
from ivr.config import Settings
from ivr.errors import EngineError
from ivr.speech.network import on_one_thread, run
from ivr.speech.stt import DOUBTFUL, Recogniser, Transcript, Utterance

log = logging.getLogger(__name__)

MODEL: Final = "smart-turn/smart-turn-v3.2-cpu.onnx"
WINDOW_S: Final = 8
WINDOW_BYTES: Final = WINDOW_S * RATE * WIDTH
SHORTEST_S: Final = 1.8
"""Of less the model cannot tell that it is unfinished: a lone "oui" sounds so to it."""
PAUSE: Final = silence(0.08)
"""Decoding begins that much too early for the model, which wants to hear that it is quiet (docs/speech.md)."""
FRAMES: Final = WINDOW_S * 100
"""Mel frames of 10 ms."""


class SmartTurn:
    """The model, shared by all calls."""

    def __init__(self, model: Path) -> None:
        self._session = on_one_thread(str(model))
        self._mel = FeatureExtractor(chunk_length=WINDOW_S)

    def finished(self, pcm: bytes) -> float:
        """The probability (0..1) that slin16, which ends in a short silence, is a whole turn; blocks for 40 ms.

        Raises EngineError.
        """
        audio = to_floats(pcm[-WINDOW_BYTES:])
        audio = np.pad(audio, (WINDOW_S * RATE - audio.size, 0))
        audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
        mel = self._mel(audio)[None, :, :FRAMES].astype(np.float32)
        return float(run(self._session, {"input_features": mel})[0].reshape(-1)[0])


class Endpointing:
    """A recogniser whose transcripts tell, too, whether the caller sounds finished."""

    def __init__(self, recogniser: Recogniser, model: SmartTurn) -> None:
        self.name, self.languages = recogniser.name, recogniser.languages
        self._recogniser, self._model = recogniser, model
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="endpoint")

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> EndpointingUtterance:
        """Starts listening."""
        return EndpointingUtterance(self, self._recogniser.utterance(langs, hotwords))

    async def finished(self, pcm: bytes) -> float | None:
        """As ``SmartTurn.finished``, in a thread of its own; None where it fails: then pauses alone end a turn."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._model.finished, pcm)
        except EngineError as error:
            log.warning("Nobody can tell whether the caller has finished: %s", error)
            return None

    async def close(self) -> None:
        """Ends the engines."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        await self._recogniser.close()


class EndpointingUtterance:
    """One utterance: the recogniser's own, and its end for the model."""

    def __init__(self, engine: Endpointing, utterance: Utterance) -> None:
        self._engine, self._utterance = engine, utterance
        self._end = bytearray()
        self._fed = 0
        self._judged: tuple[int, float | None] | None = None

    def feed(self, pcm: bytes) -> None:
        """Adds slin16."""
        self._utterance.feed(pcm)
        self._end += pcm
        self._fed += len(pcm)
        if len(self._end) > 2 * WINDOW_BYTES:
            del self._end[:-WINDOW_BYTES]

    async def partial(self) -> Transcript | None:
        """The recogniser's."""
        return await self._utterance.partial()

    async def quick(self) -> Transcript | None:
        """Both at the same time."""
        return await self._with_end(self._utterance.quick())

    async def decode(self) -> Transcript:
        """Both at the same time."""
        transcript = await self._with_end(self._utterance.decode())
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """The recogniser's."""
        return await self._utterance.again()

    async def _with_end(self, hearing: Coroutine[Any, Any, Transcript | None]) -> Transcript | None:
        judging = asyncio.create_task(self._finished())
        try:
            transcript = await hearing
            return transcript and replace(transcript, finished=await judging)
        finally:
            judging.cancel()

    async def _finished(self) -> float | None:
        """How finished he sounds; free where nothing was fed since the last time."""
        fed = self._fed
        if self._judged is None or self._judged[0] != fed:
            pcm = bytes(self._end) + PAUSE
            finished = await self._engine.finished(pcm)
            if finished is not None and finished < DOUBTFUL and seconds(pcm) < SHORTEST_S:
                finished = None
            self._judged = (fed, finished)
        return self._judged[1]


def with_endpointing(settings: Settings, recogniser: Recogniser) -> Recogniser:
    """The recogniser with the model beside it, where that is in place; without it pauses alone end a turn."""
    model = settings.models / MODEL
    return Endpointing(recogniser, SmartTurn(model)) if model.is_file() else recogniser
