"""Vosk: a small Kaldi model per language that decodes while the caller speaks.

What Kaldi hears depends on the pieces in which it gets a sound, and on chance: it adds a little noise (dither), lest
silence between computers be minus infinity.  Here it gets pieces of one length, and a noise that is always the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
import onnxruntime  # noqa: F401  # before vosk: the sixth digit of what that finds depends on which is loaded first
import vosk

from ivr.core.audio import RATE, WIDTH, Samples, to_samples
from ivr.core.errors import RecogniserError
from ivr.speech.stt import MAX_BYTES, Transcript, UtteranceBuffer
from ivr.speech.vad import has_speech

log = logging.getLogger(__name__)

WORKERS: Final = 4
"""Threads for all calls; the decoder releases the GIL.  One core holds about two decodes at a time."""

PIECE: Final = RATE // 10 * WIDTH
"""Bytes (0.1 s) that Kaldi gets at a time."""


class Vosk:
    """One model per language, shared by all calls."""

    name = "vosk"

    def __init__(self, models: Mapping[str, Path]) -> None:
        vosk.SetLogLevel(-1)
        self.languages = frozenset(models)
        self._models = {lang: _load(path) for lang, path in models.items()}
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="vosk")

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> VoskUtterance:
        """Starts listening.  Hot words are not used: see docs/speech.md, "Hot words and Vosk"."""
        lanes = [VoskLane(lang, self._models[lang], self._threads) for lang in langs]
        return VoskUtterance(lanes)

    async def close(self) -> None:
        """Ends the threads."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def _load(path: Path) -> Any:
    if not path.is_dir():
        raise RecogniserError(f"no Vosk model in {path}: run `ivr models pull`")
    try:
        with tempfile.TemporaryDirectory(prefix="vosk-") as folder:
            _linked(path.resolve(), Path(folder))
            return vosk.Model(folder)
    except Exception as error:  # vosk raises nothing narrower
        raise RecogniserError(f"{path} is not a Vosk model: {error}") from error


def _linked(model: Path, folder: Path) -> None:
    """The model's files, with settings by which Kaldi adds no noise of its own."""
    for part in model.iterdir():
        if part.name != "conf":
            (folder / part.name).symlink_to(part)
    shutil.copytree(model / "conf", folder / "conf")
    with (folder / "conf" / "mfcc.conf").open("a", encoding="utf-8") as file:
        file.write("\n--dither=0\n")


@lru_cache(maxsize=1)
def _noise() -> Samples:
    """As long as an utterance may be: as loud as Kaldi's own, and the same each time."""
    drawn = np.random.default_rng(0).standard_normal(MAX_BYTES // WIDTH)
    return np.rint(drawn).astype("<i2")


class VoskLane:
    """One language's decoder on one utterance.  Its jobs run in the pool, one after the other."""

    def __init__(self, lang: str, model: Any, threads: ThreadPoolExecutor) -> None:
        self._lang = lang
        self._model = model
        self._threads = threads
        self._decoder: Any = None
        self._words: list[dict[str, Any]] = []
        self._last: Future[Any] | None = None
        self._waiting = bytearray()
        self._at = 0
        """Samples that the decoder has had."""

    def feed(self, pcm: bytes) -> None:
        """Adds audio; it is decoded in the pool while the caller goes on speaking."""
        self._waiting += pcm
        if len(self._waiting) >= PIECE and (self._last is None or self._last.done()):
            self._last = self._threads.submit(self._accept, self._whole())

    async def partial(self) -> Transcript:
        """The words so far, without waiting for a decode in progress longer than its chunk."""
        return await self._run(self._partial, self._whole)

    async def final(self) -> Transcript:
        """All words of all audio fed; the decoder can go on afterwards."""
        return await self._run(self._final, self._all)

    async def _run(self, job: Any, take: Callable[[], bytes]) -> Transcript:
        """Runs after the chunk in progress: a Kaldi decoder is not made for two threads."""
        while self._last is not None and not self._last.done():
            await asyncio.wrap_future(self._last)
        future = self._last = self._threads.submit(job, take())
        result: Transcript = await asyncio.wrap_future(future)
        return result

    def _whole(self) -> bytes:
        """The whole pieces that wait."""
        size = len(self._waiting) // PIECE * PIECE
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        return chunk

    def _all(self) -> bytes:
        """All that waits."""
        chunk = bytes(self._waiting)
        self._waiting.clear()
        return chunk

    def _accept(self, chunk: bytes) -> None:
        if self._decoder is None:
            self._decoder = vosk.KaldiRecognizer(self._model, RATE)
            self._decoder.SetWords(True)  # without it there are no confidences
            self._decoder.SetPartialWords(True)
        for start in range(0, len(chunk), PIECE):
            if self._decoder.AcceptWaveform(self._noisy(chunk[start : start + PIECE])):
                self._keep(self._decoder.Result())

    def _noisy(self, piece: bytes) -> bytes:
        samples = to_samples(piece).astype(np.int32)
        noise = _noise()[self._at : self._at + samples.size]
        self._at += samples.size
        return bytes(np.clip(samples + noise, -32768, 32767).astype("<i2").tobytes())

    def _keep(self, result: str) -> None:
        self._words += json.loads(result).get("result", [])

    def _partial(self, chunk: bytes) -> Transcript:
        self._accept(chunk)
        tentative = json.loads(self._decoder.PartialResult()).get("partial_result", [])
        return self._transcript(self._words + tentative)

    def _final(self, chunk: bytes) -> Transcript:
        self._accept(chunk)
        self._keep(self._decoder.FinalResult())
        return self._transcript(self._words)

    def _transcript(self, words: Sequence[Mapping[str, Any]]) -> Transcript:
        text = " ".join(word["word"] for word in words)
        sure = fmean(word["conf"] for word in words) if words else 0.0
        return Transcript(text, sure, self._lang, "vosk")


class VoskUtterance:
    """The same speech in each language offered; the surest one wins."""

    def __init__(self, lanes: Sequence[VoskLane]) -> None:
        self._lanes = tuple(lanes)
        self._tape = UtteranceBuffer()

    def feed(self, pcm: bytes) -> None:
        """Adds slin16; decoding goes on behind."""
        kept = self._tape.add(pcm)
        for lane in self._lanes:
            lane.feed(kept)

    async def partial(self) -> Transcript | None:
        """The surest language's words so far."""
        return _surest(await asyncio.gather(*(lane.partial() for lane in self._lanes)))

    async def quick(self) -> None:
        """Vosk has listened meanwhile: nothing is quicker than its ``decode``."""

    async def decode(self) -> Transcript:
        """The surest language's text of all audio so far."""
        transcript = _surest(await asyncio.gather(*(lane.final() for lane in self._lanes)))
        if transcript.text and not await asyncio.to_thread(has_speech, self._tape.pcm()):
            return Transcript("", 0.0, transcript.lang, transcript.engine)
        return transcript

    async def again(self) -> None:
        """Not tried: whether Vosk hears better without noise is not measured."""


def _surest(transcripts: Sequence[Transcript]) -> Transcript:
    return max(transcripts, key=lambda heard: heard.confidence)
