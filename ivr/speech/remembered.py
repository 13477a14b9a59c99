"""What a recogniser heard before, kept on disk: measurements that are made again cost no decoding.

For evaluations only: calls never use it.  One JSON line for each decode, found by a hash of the audio, the
languages offered and the hot words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ivr.speech.stt import Recogniser, Tape, Transcript, Utterance

VERSION = "3"
"""Count up when an engine decodes otherwise than before."""


class Remembered:
    """A recogniser that asks its engine only for what it has not heard yet."""

    def __init__(self, engine: Recogniser, file: Path) -> None:
        self.name = engine.name
        self.languages = engine.languages
        self._engine = engine
        self._file = file
        self._known = _read(file)

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> RememberedUtterance:
        """Starts listening."""
        return RememberedUtterance(self, tuple(langs), hotwords)

    async def decode(self, pcm: bytes, langs: tuple[str, ...], hotwords: str) -> Transcript:
        """From the file, or from the engine and then into the file."""
        key = self._key(pcm, langs, hotwords)
        if key not in self._known:
            utterance = self._engine.utterance(langs, hotwords)
            utterance.feed(pcm)
            self._keep(key, await utterance.decode())
        return self._known[key]

    async def otherwise(
        self, how: str, pcm: bytes, langs: tuple[str, ...], hotwords: str
    ) -> Transcript | None:
        """As ``decode``, for ``Utterance.quick`` and ``again``."""
        key = self._key(pcm, langs, hotwords, how)
        if key not in self._known:
            utterance = self._engine.utterance(langs, hotwords)
            utterance.feed(pcm)
            heard = await (utterance.quick() if how == "quick" else utterance.again())
            if heard is None:
                return None
            self._keep(key, heard)
        return self._known[key]

    def _key(self, pcm: bytes, langs: Sequence[str], *how: str) -> str:
        made_of = (VERSION, self.name, *langs, *how)
        return hashlib.sha256("\n".join(made_of).encode() + pcm).hexdigest()[:24]

    def _keep(self, key: str, transcript: Transcript) -> None:
        self._known[key] = transcript
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **asdict(transcript)}, ensure_ascii=False) + "\n")

    async def close(self) -> None:
        """Ends the engine."""
        await self._engine.close()


class RememberedUtterance(Utterance):
    """One utterance: a tape, decoded or remembered."""

    def __init__(self, memory: Remembered, langs: tuple[str, ...], hotwords: str) -> None:
        self._memory, self._langs, self._hotwords = memory, langs, hotwords
        self._tape = Tape()

    def feed(self, pcm: bytes) -> None:
        """Adds slin16."""
        self._tape.add(pcm)

    async def partial(self) -> Transcript | None:
        """Nothing while it goes on."""
        return None

    async def decode(self) -> Transcript:
        """All that was fed."""
        return await self._memory.decode(self._tape.pcm(), self._langs, self._hotwords)

    async def quick(self) -> Transcript | None:
        """The engine's; None where it has none."""
        return await self._memory.otherwise("quick", self._tape.pcm(), self._langs, self._hotwords)

    async def again(self) -> Transcript | None:
        """The engine's; None where it has none."""
        return await self._memory.otherwise("again", self._tape.pcm(), self._langs, self._hotwords)


def _read(file: Path) -> dict[str, Transcript]:
    known: dict[str, Transcript] = {}
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        entry = json.loads(line)
        key = entry.pop("key")
        known[key] = Transcript(**entry)
    return known
