"""Today's recogniser and intents for a replay: in a thread of real time, while the replay's clock stands still."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ivr.call.audio.interpretation import Interpretation, interpret
from ivr.content.bundle import Content
from ivr.core.settings import Settings
from ivr.nlu.classifier import Intent
from ivr.nlu.client import HttpClassifier
from ivr.speech.end_of_turn import with_endpointing
from ivr.speech.engines import choose
from ivr.speech.stt import Recogniser, Transcript, Utterance

T = TypeVar("T")
Listen = Callable[[Utterance], Coroutine[Any, Any, Transcript | None]]


class ReplayEngines:
    """``with Engines.load(settings, langs) as engines``: ask them from any event loop.

    The same sound or sentence is worked on once.
    """

    def __init__(self, recogniser: Recogniser, classifier: HttpClassifier) -> None:
        self._recogniser, self._classifier = recogniser, classifier
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engines", daemon=True)
        self._transcripts: dict[str, Transcript | None] = {}
        self._intents: dict[tuple[str, str], Intent] = {}

    @classmethod
    def load(cls, settings: Settings, langs: Sequence[str], engine: str = "") -> ReplayEngines:
        """Those of today; raises SetupError where the recogniser is not installed."""
        recogniser = with_endpointing(settings, choose(settings, langs, engine))
        return cls(recogniser, HttpClassifier(settings.rasa, timeout_s=30.0))

    def __enter__(self) -> ReplayEngines:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self._recogniser.close())
        self._run(self._classifier.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def quick(self, pcm: bytes, langs: Sequence[str], hotwords: str) -> Transcript | None:
        """What the recogniser makes of slin16 in a hurry; raises RecogniserError."""
        return await self._once("quick", lambda said: said.quick(), pcm, langs, hotwords)

    async def transcribe(self, pcm: bytes, langs: Sequence[str], hotwords: str) -> Transcript:
        """What it makes of it at leisure; raises RecogniserError."""
        transcript = await self._once("", lambda said: said.decode(), pcm, langs, hotwords)
        assert transcript is not None
        return transcript

    async def again(self, pcm: bytes, langs: Sequence[str], hotwords: str) -> Transcript | None:
        """What a second listening makes of it; raises RecogniserError."""
        return await self._once("again", lambda said: said.again(), pcm, langs, hotwords)

    async def understand(self, text: str, lang: str) -> Intent:
        """What Rasa makes of a sentence; raises NluUnavailable."""
        key = (text, lang)
        if key not in self._intents:
            self._intents[key] = await self._outside(self._classifier.classify(text, lang))
        return self._intents[key]

    async def judge(self, heard: Transcript, office: Content, lang: str) -> Interpretation:
        """As the live call judges a final transcript."""
        return await interpret(heard, lang, office, self.understand)

    async def _once(
        self, how: str, listen: Listen, pcm: bytes, langs: Sequence[str], hotwords: str
    ) -> Transcript | None:
        key = _key(pcm, how, *langs, hotwords)
        if key not in self._transcripts:
            utterance = self._recogniser.utterance(langs, hotwords)
            utterance.feed(pcm)
            self._transcripts[key] = await self._outside(listen(utterance))
        return self._transcripts[key]

    async def _outside(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, done in our thread; the caller's clock counts it as a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(None, self._run, work)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _key(pcm: bytes, *how: str) -> str:
    return hashlib.sha256("\0".join(how).encode() + pcm).hexdigest()
