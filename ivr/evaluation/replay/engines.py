"""Today's recogniser and intents for replays.

They run in a thread with a real-time event loop, while the replay's virtual clock stands still.
"""

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
    """A recogniser and a classifier that any event loop may ask; a context manager.

    Results are cached: the same audio or sentence is processed once.
    recogniser, classifier: the engines; they are closed on exit.
    """

    def __init__(self, recogniser: Recogniser, classifier: HttpClassifier) -> None:
        self._recogniser, self._classifier = recogniser, classifier
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engines", daemon=True)
        self._transcripts: dict[str, Transcript | None] = {}
        self._intents: dict[tuple[str, str], Intent] = {}

    @classmethod
    def load(cls, settings: Settings, langs: Sequence[str], engine: str = "") -> ReplayEngines:
        """Return the engines that ``settings`` name.

        langs: languages of the calls; engine: auto, vosk or whisper, empty for the one of the settings.
        Raises SetupError when the recogniser is not installed.
        """
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
        """Return the transcript of a quick decode, or None when the recogniser has none.

        pcm: 16-bit samples at 16 kHz; langs: languages to choose from; hotwords: words to expect.
        Raises RecogniserError.
        """
        return await self._once("quick", lambda said: said.quick(), pcm, langs, hotwords)

    async def transcribe(self, pcm: bytes, langs: Sequence[str], hotwords: str) -> Transcript:
        """Return the transcript of a full decode; arguments and errors as for ``quick``."""
        transcript = await self._once("", lambda said: said.decode(), pcm, langs, hotwords)
        assert transcript is not None
        return transcript

    async def again(self, pcm: bytes, langs: Sequence[str], hotwords: str) -> Transcript | None:
        """Return the transcript of a second decode, or None; arguments and errors as for ``quick``."""
        return await self._once("again", lambda said: said.again(), pcm, langs, hotwords)

    async def understand(self, text: str, lang: str) -> Intent:
        """Return the intent of ``text`` in language ``lang``; raises NluUnavailable."""
        key = (text, lang)
        if key not in self._intents:
            self._intents[key] = await self._outside(self._classifier.classify(text, lang))
        return self._intents[key]

    async def interpret(self, heard: Transcript, content: Content, lang: str) -> Interpretation:
        """Return the interpretation of a final transcript, as in a live call; raises NluUnavailable.

        heard: the transcript; content: today's content; lang: the caller's language.
        """
        return await interpret(heard, lang, content, self.understand)

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
        """Return the result of ``work``, which runs in the engines' thread.

        An executor waits for it, because a virtual clock stands still while an executor is busy.
        """
        return await asyncio.get_running_loop().run_in_executor(None, self._run, work)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _key(pcm: bytes, *how: str) -> str:
    return hashlib.sha256("\0".join(how).encode() + pcm).hexdigest()
