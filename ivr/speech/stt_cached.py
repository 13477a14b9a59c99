"""A recogniser with a cache on disk, so that repeated evaluations need no decoding.

Calls never use it.  The file holds one JSON line per recognition.  The key is a hash of the audio, the languages
offered, the hot words and the method.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ivr.speech.stt import Recogniser, Transcript, Utterance, UtteranceBuffer

VERSION = "5"
"""Part of every key: increase it when an engine gives other results than before."""


class CachedRecogniser:
    """A recogniser that asks ``engine`` only for what ``file`` does not hold yet."""

    def __init__(self, engine: Recogniser, file: Path) -> None:
        self.name = engine.name
        self.languages = engine.languages
        self._engine = engine
        self._file = file
        self._cache = _read(file)

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> CachedUtterance:
        """Start an utterance, as ``Recogniser.utterance``."""
        return CachedUtterance(self, tuple(langs), hotwords)

    async def recognise(
        self, method: str, pcm: bytes, langs: tuple[str, ...], hotwords: str
    ) -> Transcript | None:
        """Return a result from the cache, or from the engine and store it.

        method: the coroutine of ``Utterance``: quick, decode or again.
        pcm: all audio of the utterance, as slin16.
        langs, hotwords: those of the utterance.
        Returns None where the engine does not offer the method.  Raises RecogniserError.
        """
        key = self._key(pcm, langs, hotwords, *(() if method == "decode" else (method,)))
        if key not in self._cache:
            utterance = self._engine.utterance(langs, hotwords)
            utterance.feed(pcm)
            methods = {"quick": utterance.quick, "decode": utterance.decode, "again": utterance.again}
            transcript = await methods[method]()
            if transcript is None:
                return None
            self._store(key, transcript)
        return self._cache[key]

    def _key(self, pcm: bytes, langs: Sequence[str], *conditions: str) -> str:
        parts = (VERSION, self.name, *langs, *conditions)
        return hashlib.sha256("\n".join(parts).encode() + pcm).hexdigest()[:24]

    def _store(self, key: str, transcript: Transcript) -> None:
        self._cache[key] = transcript
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **asdict(transcript)}, ensure_ascii=False) + "\n")

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()


class CachedUtterance(Utterance):
    """One utterance, whose audio is collected until a result is wanted."""

    def __init__(self, recogniser: CachedRecogniser, langs: tuple[str, ...], hotwords: str) -> None:
        self._recogniser, self._langs, self._hotwords = recogniser, langs, hotwords
        self._buffer = UtteranceBuffer()

    def feed(self, pcm: bytes) -> None:
        """Add slin16."""
        self._buffer.add(pcm)

    async def partial(self) -> Transcript | None:
        """Return None: partial results are not cached."""
        return None

    async def quick(self) -> Transcript | None:
        """Return the engine's quick result, or None."""
        return await self._recognise("quick")

    async def decode(self) -> Transcript:
        """Return the text of all audio fed so far."""
        transcript = await self._recognise("decode")
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """Return the engine's result without noise, or None."""
        return await self._recognise("again")

    async def _recognise(self, method: str) -> Transcript | None:
        return await self._recogniser.recognise(method, self._buffer.pcm(), self._langs, self._hotwords)


def _read(file: Path) -> dict[str, Transcript]:
    cache: dict[str, Transcript] = {}
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        entry = json.loads(line)
        key = entry.pop("key")
        cache[key] = Transcript(**entry)
    return cache
