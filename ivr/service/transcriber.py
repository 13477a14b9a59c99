"""Transcribes voicemail messages in the worker, whose recogniser has its models loaded.

Callers come first: a message is decoded in pieces, each at a moment when no caller waits for the recogniser.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from ivr.content.bundle import Content
from ivr.content.keywords import urgent_words
from ivr.core import events
from ivr.core.audio import RATE, WIDTH, read_audio, seconds, to_floats
from ivr.core.errors import AudioError, EngineError
from ivr.core.periodic import round_lock, run_periodically
from ivr.core.settings import Settings
from ivr.speech.stt import Transcript
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.store import queries
from ivr.store.database import Store
from ivr.store.journal import Journal
from ivr.store.rows import MessageRow

log = logging.getLogger(__name__)

DECODED_S = 60.0
"""Seconds after which decoding a piece is given up."""
LEAST_S, MOST_S = 5.0, 10.0
"""Seconds of a piece, which is decoded in 0.4 to 0.8 s; 28 s take 2.4 to 3.7 s, too long for a waiting caller."""
PAUSE_S = 0.2
"""Seconds of the quietest stretch, in the middle of which a message is cut."""
TRIES = 5
"""How often a message is transcribed at most, where the recogniser or the disk fails."""
RETRY_S = 5.0
"""Seconds until the second try; each further pause is twice as long."""


@dataclass
class _Attempts:
    """The failed tries at a message, and the longest text that one of them gave."""

    count: int = 0
    next_at: float = 0.0
    text: str = ""
    confidence: float = 0.0


@dataclass(frozen=True)
class _Reading:
    """What the recogniser made of a message; ``failure`` is empty when it read all of it."""

    text: str
    confidence: float
    failure: str = ""


class Transcriber:
    """Works every few seconds beside the calls; each step can be repeated after a crash.

    journal: takes the transcripts, as events.
    recogniser: the connection to the recogniser process.
    urgency: finds words that make a message urgent.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        journal: Journal,
        recogniser: RemoteRecogniser,
        content: Content,
    ) -> None:
        self._settings, self._store, self._journal = settings, store, journal
        self._recogniser, self._content = recogniser, content
        self._numbers = events.Sequence()
        self._lock = settings.state_dir.lock("transcriber")
        self._attempts: dict[str, _Attempts] = {}

    async def run(self) -> None:
        """Work in rounds until cancelled."""
        await run_periodically(self.once, "transcribing")

    async def once(self) -> None:
        """Transcribe all stored messages without a transcript; an unreachable database is tried again."""
        try:
            async with round_lock(self._lock):
                await self._transcribe()
        except BlockingIOError:
            return  # another worker does it
        except OSError as error:
            log.error("ALARM: %s: messages wait for their transcripts", error)
        except SQLAlchemyError as error:
            log.warning("database away (%s)", type(error).__name__)

    async def _transcribe(self) -> None:
        waiting = await asyncio.to_thread(queries.untranscribed, self._store, self._settings.instance)
        for message in waiting:
            if message.call_id is None:
                continue  # retention deleted its call, so no event can tell of it
            found = await self._try(message)
            if found is not None:
                await asyncio.to_thread(self._note, message.call_id, found)
        if waiting:
            await asyncio.to_thread(self._journal.drain)

    async def _try(self, message: MessageRow) -> events.MessageTranscribed | None:
        """Transcribe a message; None when it is tried again later."""
        tried = self._attempts.get(message.id, _Attempts())
        if asyncio.get_running_loop().time() < tried.next_at:
            return None
        heard = await self._read(message.file, message.lang)
        if not heard.failure:
            self._attempts.pop(message.id, None)
            return self._found(message, heard.text, heard.confidence, possible=True)
        if len(heard.text) > len(tried.text):
            tried.text, tried.confidence = heard.text, heard.confidence
        tried.next_at = asyncio.get_running_loop().time() + RETRY_S * 2**tried.count
        tried.count += 1
        if tried.count < TRIES:
            log.warning("message %s: try %d of its transcript: %s", message.id, tried.count, heard.failure)
            self._attempts[message.id] = tried
            return None
        log.error("ALARM: message %s has no whole transcript: %s", message.id, heard.failure)
        self._attempts.pop(message.id, None)
        return self._found(message, tried.text, tried.confidence, possible=False)

    def _found(
        self, message: MessageRow, text: str, confidence: float, *, possible: bool
    ) -> events.MessageTranscribed:
        spotters = (self._content.emergency, self._content.urgency)
        urgent = ", ".join(urgent_words(text, message.lang, *spotters))
        return events.MessageTranscribed(message.id, text, round(confidence, 3), urgent[:255], possible)

    async def _read(self, file: str, lang: str) -> _Reading:
        """Read a message; when the recogniser fails, what was read until then."""
        langs = [lang] if lang in self._recogniser.languages else sorted(self._recogniser.languages)
        texts: list[str] = []
        least, failure = 1.0, ""
        try:
            pcm = await asyncio.to_thread(read_audio, self._settings.state_dir.stored(file))
            for piece in pieces(pcm):
                heard = await self._decode(piece, langs)
                texts.append(heard.text)
                least = min(least, heard.confidence)
        except TimeoutError:
            failure = "the recogniser hangs"
        except (AudioError, OSError, EngineError) as error:
            failure = str(error) or type(error).__name__
        except Exception:  # one message must not keep the others from being transcribed
            log.exception("ALARM: message %s: transcribing failed unforeseen", file)
            failure = "unforeseen, see the log"
        return _Reading(" ".join(filter(None, texts)), least if texts else 0.0, failure)

    async def _decode(self, piece: bytes, langs: list[str]) -> Transcript:
        utterance = self._recogniser.utterance(langs)
        utterance.feed(piece)
        await self._recogniser.ready()  # a recogniser that died is back after some seconds
        await self._recogniser.quiet()
        async with asyncio.timeout(DECODED_S):
            return await utterance.decode()

    def _note(self, call_id: str, event: events.Event) -> None:
        self._journal.append(events.Stamped(call_id, self._numbers.next(), 0.0, event))


def pieces(pcm: bytes) -> Iterator[bytes]:
    """Split a message into pieces of at most ``MOST_S`` seconds, at its quietest places.

    pcm: s16le mono at 16 kHz.
    """
    while (length_s := seconds(pcm)) > MOST_S:
        cut = _quietest(pcm, LEAST_S, max(LEAST_S + PAUSE_S, min(MOST_S, length_s - LEAST_S)))
        yield pcm[:cut]
        pcm = pcm[cut:]
    yield pcm


def _quietest(pcm: bytes, first_s: float, last_s: float) -> int:
    """Byte offset of the middle of the quietest ``PAUSE_S`` seconds between two times, in seconds."""
    first, last, pause = (round(length_s * RATE) for length_s in (first_s, last_s, PAUSE_S))
    power = to_floats(pcm[first * WIDTH : last * WIDTH]).astype(np.float64) ** 2
    so_far = np.concatenate(([0.0], np.cumsum(power)))
    return (first + int(np.argmin(so_far[pause:] - so_far[:-pause])) + pause // 2) * WIDTH
