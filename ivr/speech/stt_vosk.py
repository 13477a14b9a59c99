"""The Vosk recogniser (https://alphacephei.com/vosk/): a small Kaldi model per language, decoding during the speech.

Kaldi's results depend on the lengths of the pieces that it receives, and on random noise: it adds dither, because the
logarithm of digital silence is minus infinity.  For repeatable results, this module feeds pieces of one length and
adds a fixed noise itself.
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
import onnxruntime  # noqa: F401  # before vosk: the order of loading changes the sixth digit of Vosk's results
import vosk

from ivr.core.audio import RATE, WIDTH, Samples, to_samples
from ivr.core.errors import RecogniserError
from ivr.speech.stt import MAX_BYTES, Transcript, UtteranceBuffer
from ivr.speech.vad import has_speech

log = logging.getLogger(__name__)

WORKERS: Final = 4
"""Decoding threads of all calls.  The decoder releases the GIL; a core has capacity for about two decodes."""

PIECE: Final = RATE // 10 * WIDTH
"""Bytes of one piece for Kaldi (0.1 s)."""


class Vosk:
    """One model per language, shared by all calls.

    models: the model's folder for each language code.  Raises RecogniserError where a model cannot be loaded.
    """

    name = "vosk"

    def __init__(self, models: Mapping[str, Path]) -> None:
        vosk.SetLogLevel(-1)
        self.languages = frozenset(models)
        self._models = {lang: _load(path) for lang, path in models.items()}
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="vosk")

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> VoskUtterance:
        """Start an utterance, as ``Recogniser.utterance``.

        Hot words are ignored (docs/speech.md, "Hot words and Vosk").
        """
        lanes = [VoskLane(lang, self._models[lang], self._threads) for lang in langs]
        return VoskUtterance(lanes)

    async def close(self) -> None:
        """End the threads."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def _load(path: Path) -> Any:
    if not path.is_dir():
        raise RecogniserError(f"no Vosk model in {path}: run `ivr models pull`")
    try:
        with tempfile.TemporaryDirectory(prefix="vosk-") as folder:
            _link_without_dither(path.resolve(), Path(folder))
            return vosk.Model(folder)
    except Exception as error:  # vosk raises nothing narrower
        raise RecogniserError(f"{path} is not a Vosk model: {error}") from error


def _link_without_dither(model: Path, folder: Path) -> None:
    """Link the model's files into ``folder``, with a configuration that turns Kaldi's dither off."""
    for path in model.iterdir():
        if path.name != "conf":
            (folder / path.name).symlink_to(path)
    shutil.copytree(model / "conf", folder / "conf")
    with (folder / "conf" / "mfcc.conf").open("a", encoding="utf-8") as file:
        file.write("\n--dither=0\n")


@lru_cache(maxsize=1)
def _noise() -> Samples:
    """Fixed noise of the longest utterance's length, as loud as Kaldi's dither."""
    noise = np.random.default_rng(0).standard_normal(MAX_BYTES // WIDTH)
    return np.rint(noise).astype("<i2")


class VoskLane:
    """One language's decoder for one utterance.  Its jobs run in the thread pool, one after another."""

    def __init__(self, lang: str, model: Any, threads: ThreadPoolExecutor) -> None:
        self._lang = lang
        self._model = model
        self._threads = threads
        self._decoder: Any = None
        self._words: list[dict[str, Any]] = []
        self._job: Future[Any] | None = None
        self._waiting = bytearray()
        self._position = 0  # samples that the decoder has received

    def feed(self, pcm: bytes) -> None:
        """Add slin16.  The pool decodes it while the caller speaks."""
        self._waiting += pcm
        if len(self._waiting) >= PIECE and (self._job is None or self._job.done()):
            self._job = self._threads.submit(self._accept, self._take_pieces())

    async def partial(self) -> Transcript:
        """Return the words so far, as soon as the job in progress has ended."""
        return await self._run(self._partial, self._take_pieces)

    async def final(self) -> Transcript:
        """Return the words of all audio fed.  The decoder can continue afterwards."""
        return await self._run(self._final, self._take_all)

    async def _run(self, job: Any, take: Callable[[], bytes]) -> Transcript:
        """Run ``job`` on the audio of ``take`` after the job in progress: a Kaldi decoder is not thread-safe."""
        while self._job is not None and not self._job.done():
            await asyncio.wrap_future(self._job)
        future = self._job = self._threads.submit(job, take())
        result: Transcript = await asyncio.wrap_future(future)
        return result

    def _take_pieces(self) -> bytes:
        """Remove and return the waiting audio, as far as it fills whole pieces."""
        size = len(self._waiting) // PIECE * PIECE
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        return chunk

    def _take_all(self) -> bytes:
        """Remove and return all waiting audio."""
        chunk = bytes(self._waiting)
        self._waiting.clear()
        return chunk

    def _accept(self, chunk: bytes) -> None:
        if self._decoder is None:
            self._decoder = vosk.KaldiRecognizer(self._model, RATE)
            self._decoder.SetWords(True)  # they carry the confidences
            self._decoder.SetPartialWords(True)
        for start in range(0, len(chunk), PIECE):
            if self._decoder.AcceptWaveform(self._with_noise(chunk[start : start + PIECE])):
                self._add_words(self._decoder.Result())

    def _with_noise(self, piece: bytes) -> bytes:
        samples = to_samples(piece).astype(np.int32)
        noise = _noise()[self._position : self._position + samples.size]
        self._position += samples.size
        return bytes(np.clip(samples + noise, -32768, 32767).astype("<i2").tobytes())

    def _add_words(self, result: str) -> None:
        self._words += json.loads(result).get("result", [])

    def _partial(self, chunk: bytes) -> Transcript:
        self._accept(chunk)
        tentative = json.loads(self._decoder.PartialResult()).get("partial_result", [])
        return self._transcript(self._words + tentative)

    def _final(self, chunk: bytes) -> Transcript:
        self._accept(chunk)
        self._add_words(self._decoder.FinalResult())
        return self._transcript(self._words)

    def _transcript(self, words: Sequence[Mapping[str, Any]]) -> Transcript:
        text = " ".join(word["word"] for word in words)
        confidence = fmean(word["conf"] for word in words) if words else 0.0
        return Transcript(text, confidence, self._lang, "vosk")


class VoskUtterance:
    """One utterance, decoded in each language offered.  The result with the highest confidence counts."""

    def __init__(self, lanes: Sequence[VoskLane]) -> None:
        self._lanes = tuple(lanes)
        self._buffer = UtteranceBuffer()

    def feed(self, pcm: bytes) -> None:
        """Add slin16.  The pool decodes it."""
        kept = self._buffer.add(pcm)
        for lane in self._lanes:
            lane.feed(kept)

    async def partial(self) -> Transcript | None:
        """Return the words so far of the language with the highest confidence."""
        return _best(await asyncio.gather(*(lane.partial() for lane in self._lanes)))

    async def quick(self) -> None:
        """Return None: Vosk decodes during the speech, so ``decode`` is quick already."""

    async def decode(self) -> Transcript:
        """Return the text of all audio fed so far, in the language with the highest confidence.

        The text is empty where voice activity detection finds no speech.
        """
        transcript = _best(await asyncio.gather(*(lane.final() for lane in self._lanes)))
        if transcript.text and not await asyncio.to_thread(has_speech, self._buffer.pcm()):
            return Transcript("", 0.0, transcript.lang, transcript.engine)
        return transcript

    async def again(self) -> None:
        """Return None: the effect of noise suppression on Vosk is not measured."""


def _best(transcripts: Sequence[Transcript]) -> Transcript:
    return max(transcripts, key=lambda transcript: transcript.confidence)
