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

from ivr.speech.stt import Recogniser, Transcript, Utterance, UtteranceBuffer

VERSION = "5"
"""Count up when an engine decodes otherwise than before."""


class CachedRecogniser:
    """A recogniser that asks its engine only for what it has not heard yet."""

    def __init__(self, engine: Recogniser, file: Path) -> None:
        self.name = engine.name
        self.languages = engine.languages
        self._engine = engine
        self._file = file
        self._known = _read(file)

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> CachedUtterance:
        """Starts listening."""
        return CachedUtterance(self, tuple(langs), hotwords)

    async def listen(self, how: str, pcm: bytes, langs: tuple[str, ...], hotwords: str) -> Transcript | None:
        """From the file, or from the engine and then into the file.  ``how``: quick, decode or again, as those of
        ``Utterance``; None where the engine has no such.
        """
        key = self._key(pcm, langs, hotwords, *(() if how == "decode" else (how,)))
        if key not in self._known:
            utterance = self._engine.utterance(langs, hotwords)
            utterance.feed(pcm)
            listenings = {"quick": utterance.quick, "decode": utterance.decode, "again": utterance.again}
            heard = await listenings[how]()
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


class CachedUtterance(Utterance):
    """One utterance: a tape, decoded or remembered."""

    def __init__(self, memory: CachedRecogniser, langs: tuple[str, ...], hotwords: str) -> None:
        self._memory, self._langs, self._hotwords = memory, langs, hotwords
        self._tape = UtteranceBuffer()

    def feed(self, pcm: bytes) -> None:
        """Adds slin16."""
        self._tape.add(pcm)

    async def partial(self) -> Transcript | None:
        """Nothing while it goes on."""
        return None

    async def quick(self) -> Transcript | None:
        """The engine's; None where it has none."""
        return await self._listen("quick")

    async def decode(self) -> Transcript:
        """All that was fed."""
        transcript = await self._listen("decode")
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """The engine's; None where it has none."""
        return await self._listen("again")

    async def _listen(self, how: str) -> Transcript | None:
        return await self._memory.listen(how, self._tape.pcm(), self._langs, self._hotwords)


def _read(file: Path) -> dict[str, Transcript]:
    known: dict[str, Transcript] = {}
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        entry = json.loads(line)
        key = entry.pop("key")
        known[key] = Transcript(**entry)
    return known
