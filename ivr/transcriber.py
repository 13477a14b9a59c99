"""Messages that callers left, in words, for whoever calls back: by the worker, whose recogniser is loaded."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from ivr import events
from ivr.audio import read_audio
from ivr.config import Settings
from ivr.errors import AudioError, EngineError
from ivr.rounds import alone, keep
from ivr.speech.stt import Recogniser
from ivr.store import queries
from ivr.store.journal import Journal
from ivr.store.tables import open_store
from ivr.urgency import Urgency

log = logging.getLogger(__name__)

DECODED_S = 60.0
"""A decode of half a minute takes two seconds; one that takes so long never ends, and other messages wait for it."""


class Transcriber:
    """Runs beside the calls, every few seconds; everything it does can be done again after a crash."""

    def __init__(
        self, settings: Settings, journal: Journal, recogniser: Recogniser, urgency: Urgency
    ) -> None:
        self._settings, self._journal = settings, journal
        self._recogniser, self._urgency = recogniser, urgency
        self._numbers = events.Sequence()
        self._lock = settings.state / "transcriber.lock"

    async def run(self) -> None:
        """Until cancelled."""
        await keep(self.once, "transcribing")

    async def once(self) -> None:
        """All messages that are stored and have no transcript.  A database that is away is tried again."""
        try:
            with alone(self._lock):
                await self._transcribe()
        except BlockingIOError:
            return  # another worker is at it
        except OSError as error:
            log.error("ALARM: %s: messages wait for their transcripts", error)
        except SQLAlchemyError as error:
            log.warning("database away (%s)", type(error).__name__)

    async def _transcribe(self) -> None:
        engine = open_store(self._settings.database)
        try:
            waiting = await asyncio.to_thread(queries.untranscribed, engine, self._settings.instance)
        finally:
            engine.dispose()
        for message in waiting:
            text, confidence = await self._text_of(message["file"], message["lang"])
            urgent = ", ".join(self._urgency.found(text, message["lang"]))
            found = events.MessageTranscribed(message["id"], text, round(confidence, 3), urgent[:255])
            self._note(message["call_id"], found)
        if waiting:
            await asyncio.to_thread(self._journal.drain)

    async def _text_of(self, file: str, lang: str) -> tuple[str, float]:
        """Thirty seconds at a time: that is what a recogniser takes."""
        langs = [lang] if lang in self._recogniser.languages else sorted(self._recogniser.languages)
        try:
            pcm = await asyncio.to_thread(read_audio, self._settings.state / file)
            texts, least = [], 1.0
            for start in range(0, len(pcm), 28 * 32_000):
                utterance = self._recogniser.utterance(langs)
                utterance.feed(pcm[start : start + 28 * 32_000])
                async with asyncio.timeout(DECODED_S):
                    heard = await utterance.decode()
                texts.append(heard.text)
                least = min(least, heard.confidence)
            return " ".join(filter(None, texts)), least
        except TimeoutError:
            log.error("ALARM: message %s has no transcript: the recogniser hangs", file)
            return "", 0.0
        except (AudioError, OSError, EngineError) as error:
            log.warning("message %s could not be transcribed: %s", file, error)
            return "", 0.0

    def _note(self, call_id: str, event: events.Event) -> None:
        self._journal.append(events.Stamped(call_id, self._numbers.next(), 0.0, event))
