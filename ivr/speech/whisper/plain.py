"""Plain faster-whisper: the same model through the library's own ``transcribe``.

It is slower than ``ivr.speech.whisper.recogniser``, because the library always encodes 30 s.  It takes any Whisper
model that CTranslate2 can load, and needs no knowledge of the model's file.  ``IVR_WHISPER_DECODER=faster-whisper``
chooses it, and so does a model of a shape that our own decoder does not know.  docs/whisper.md compares both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor

from ivr.core.audio import Floats, to_floats
from ivr.core.errors import EngineError, RecogniserError
from ivr.speech.denoise import without_noise
from ivr.speech.mel import HOP, log_mel
from ivr.speech.priority_pool import PriorityPool
from ivr.speech.stt import Transcript, UtteranceBuffer
from ivr.speech.vad import has_speech
from ivr.speech.whisper.recogniser import (
    BEAM,
    NEVER_RIGHT,
    NO_SPEECH,
    WORKERS,
    Rank,
    confidence,
    favoured,
    once,
)
from ivr.speech.whisper.window import BANDS


class _Features(FeatureExtractor):  # type: ignore[misc]  # faster-whisper has no types
    """Whisper's features with the same numbers in every process (``ivr.speech.mel``)."""

    def __call__(self, waveform: Floats, padding: int = HOP, chunk_length: int | None = None) -> Floats:
        return log_mel(waveform)


class PlainWhisper:
    """A ``Recogniser`` (``ivr.speech.stt``) that all calls share.

    model: folder of a Whisper model in CTranslate2's form.
    langs: languages that it is asked for, such as ``fr``.

    Raises RecogniserError when the folder holds no model that CTranslate2 can load.
    """

    name = "faster-whisper"

    def __init__(self, model: Path, langs: Sequence[str]) -> None:
        self.languages = frozenset(langs)
        try:
            self._whisper = WhisperModel(
                str(model), device="cpu", compute_type="int8", cpu_threads=1, num_workers=WORKERS
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise RecogniserError(f"no Whisper model in {model} ({error}): run `ivr models pull`") from error
        if self._whisper.model.n_mels == BANDS:  # large-v3 takes 128: the library's own features then
            self._whisper.feature_extractor = _Features()
        self._workers = PriorityPool(WORKERS, "whisper")

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> PlainUtterance:
        """Start an utterance.  langs: the languages that compete.  hotwords: names that may be said."""
        return PlainUtterance(self, tuple(langs), hotwords)

    async def close(self) -> None:
        """Wait for running decodes and end the threads."""
        await asyncio.to_thread(self._workers.close)

    async def transcript(self, rank: Rank, pcm: bytes, langs: tuple[str, ...], hotwords: str) -> Transcript:
        """Decode in one of the engine's threads.

        rank: which decodes come first when threads are busy.
        pcm: slin16 at 16 kHz, at most 30 s.
        langs, hotwords: as in ``utterance``.

        Raises RecogniserError when the engine fails.
        """
        try:
            return await asyncio.wrap_future(self._workers.submit(rank, self._decode, pcm, langs, hotwords))
        except (EngineError, RuntimeError, ValueError) as error:  # CTranslate2 raises the latter two
            raise RecogniserError(f"faster-whisper: {error}") from error

    def _decode(self, pcm: bytes, langs: tuple[str, ...], hotwords: str) -> Transcript:
        nothing = Transcript("", 0.0, langs[0], self.name)
        if not has_speech(pcm):
            return nothing
        samples = to_floats(pcm)
        lang = langs[0] if len(langs) == 1 else self._language(samples, langs)
        segments, _ = self._whisper.transcribe(
            samples, language=lang, beam_size=BEAM, temperature=0.0, without_timestamps=True,
            condition_on_previous_text=False, hotwords=hotwords or None, vad_filter=False,
        )  # fmt: skip
        found = list(segments)
        tokens = sum(len(segment.tokens) + 1 for segment in found)  # the end of each segment counts
        logprob = sum(segment.avg_logprob * (len(segment.tokens) + 1) for segment in found) / max(tokens, 1)
        no_speech = max((segment.no_speech_prob for segment in found), default=1.0)
        text = once(" ".join(segment.text.strip() for segment in found).strip())
        if not text or logprob < NEVER_RIGHT or (no_speech > NO_SPEECH and logprob < NEVER_RIGHT / 2):
            return Transcript("", 0.0, lang, self.name)
        return Transcript(text, confidence(logprob), lang, self.name)

    def _language(self, samples: Floats, langs: tuple[str, ...]) -> str:
        probabilities = dict(self._whisper.detect_language(samples)[2])
        return favoured(probabilities, langs)


class PlainUtterance:
    """An ``Utterance`` (``ivr.speech.stt``): its audio, and the last transcript with the length it was made of."""

    def __init__(self, engine: PlainWhisper, langs: tuple[str, ...], hotwords: str) -> None:
        self._engine, self._langs, self._hotwords = engine, langs, hotwords
        self._buffer = UtteranceBuffer()
        self._latest: tuple[int, Transcript] | None = None

    def feed(self, pcm: bytes) -> None:
        """Add slin16 at 16 kHz."""
        self._buffer.add(pcm)

    async def partial(self) -> Transcript | None:
        """None: Whisper does not stream."""
        return None

    async def quick(self) -> Transcript | None:
        """None: one text alone takes nearly as long, because the library always encodes 30 s."""
        return None

    async def decode(self) -> Transcript:
        """Decode everything so far; free when nothing was fed since the last time.  Raises RecogniserError."""
        pcm = self._buffer.pcm()
        if self._latest is None or self._latest[0] != len(pcm):
            self._latest = (len(pcm), await self._transcript(Rank.FIRST, pcm))
        return self._latest[1]

    async def again(self) -> Transcript | None:
        """Decode everything so far with its noise removed.  Raises RecogniserError."""
        pcm = await asyncio.to_thread(without_noise, self._buffer.pcm())
        return await self._transcript(Rank.AGAIN, pcm)

    async def _transcript(self, rank: Rank, pcm: bytes) -> Transcript:
        return await self._engine.transcript(rank, pcm, self._langs, self._hotwords)
