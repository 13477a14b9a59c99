"""A recogniser in a process of its own: what it computes holds up no call, and where it crashes, calls go on.

One process of Python computes in one thread at a time.  With forty callers a decode waited for the calls, and the
calls for the decodes, while a third of the machine lay idle (docs/speech.md, "Many callers").

Both sides speak over a socket: a line of JSON, and the sound that belongs to it.  The other side is
``ivr.service.recogniser``, which ``ivr.service.recogniser_process`` keeps up.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import weakref
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ivr.core.errors import RecogniserError
from ivr.core.processes import cancelled
from ivr.speech.stt import Transcript, UtteranceBuffer

log = logging.getLogger(__name__)

READY_S: Final = 100.0
AGAIN_S: Final = 0.5
BUSY_S: Final = 30.0
"""So long what is not urgent lets callers go first."""
LONGEST_LINE: Final = 1 << 20

WireMessage = dict[str, Any]


def send(writer: StreamWriter, message: WireMessage, pcm: bytes = b"") -> None:
    """One message, with the sound that belongs to it; never waits."""
    writer.write(json.dumps({**message, "bytes": len(pcm)}).encode() + b"\n" + pcm)


async def received(reader: StreamReader) -> AsyncIterator[tuple[WireMessage, bytes]]:
    """Messages with their sound, until the other side is gone, or talks what is none: then it is left alone."""
    try:
        while line := await reader.readline():
            message = json.loads(line)
            yield message, await reader.readexactly(message.pop("bytes"))
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        log.error("the recogniser's socket: no message of ours (%s)", type(error).__name__)


async def closed(writer: StreamWriter) -> None:
    """Closes it; what was on its way to one that is gone is of no interest."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class RemoteRecogniser:
    """A ``Recogniser``: ``start`` it, wait until it is ``ready``, ``close`` it.  ``path``: where it is asked."""

    name = ""
    languages: frozenset[str] = frozenset()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._writer: StreamWriter | None = None  # None while there is nobody to ask
        self._lives = 0
        self._asked: dict[int, asyncio.Future[WireMessage]] = {}
        self._gone: list[int] = []
        self._ready: asyncio.Future[None] | None = None
        self._link: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Returns at once; from now on whoever is there is asked."""
        self._ready = asyncio.get_running_loop().create_future()
        self._link = asyncio.create_task(self._stay_linked(), name="recogniser")

    async def ready(self) -> None:
        """Returns when it has its models and can be asked; raises RecogniserError where that cannot be."""
        assert self._ready is not None, "start() comes first"
        try:
            async with asyncio.timeout(READY_S):
                await asyncio.shield(self._ready)
        except TimeoutError:
            raise RecogniserError(f"the recogniser did not start in {READY_S:g} s") from None

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> RemoteUtterance:
        """Starts listening."""
        return RemoteUtterance(self, next(self._numbers), langs, hotwords)

    async def close(self) -> None:
        """Asks nobody any more; who waits for an answer gets RecogniserError."""
        if self._link is not None:
            await cancelled(self._link)

    async def quiet(self) -> None:
        """Returns when nobody waits for an answer, or after ``BUSY_S``: what is not urgent may be asked then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUSY_S):
                while self._asked:
                    await asyncio.wait(self._asked.values())

    async def ask(self, message: WireMessage, news: Callable[[int], bytes]) -> WireMessage:
        """The answer.  ``news``: the sound that this process (by its number) has not got yet.

        Raises RecogniserError where there is no answer.
        """
        writer, number = self._writer, next(self._numbers)
        if writer is None:
            raise RecogniserError("the recogniser is away, and being started again")
        answer: asyncio.Future[WireMessage] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        gone, self._gone = self._gone, []
        send(writer, {**message, "ask": number, "forget": gone}, news(self._lives))
        try:
            return await answer
        except asyncio.CancelledError:
            if self._writer is writer:
                send(writer, {"cancel": number})
            raise
        finally:
            del self._asked[number]

    def forget(self, utterance: int) -> None:
        """Nobody asks about this utterance any more; any thread may say so."""
        self._gone.append(utterance)

    async def _stay_linked(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # its keeper is gone
                await self._live(*await asyncio.open_unix_connection(self._path, limit=LONGEST_LINE))
            await asyncio.sleep(AGAIN_S)

    async def _live(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One process, for as long as we are linked to it."""
        self._lives += 1
        try:
            async for message, _ in received(reader):
                self._take(message, writer)
            log.warning("the recogniser is gone; waiting for the next one")
        finally:
            if self._writer is not None:
                self._writer = None
                self._ready = asyncio.get_running_loop().create_future()
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(RecogniserError("the recogniser ended"))
            await closed(writer)

    def _take(self, message: WireMessage, writer: StreamWriter) -> None:
        assert self._ready is not None
        match message:
            case {"answer": number}:
                answer = self._asked.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case {"name": name, "languages": languages, "pid": pid}:
                self.name, self.languages, self._writer = name, frozenset(languages), writer
                log.info("Recogniser: %s, process %d", name, pid)
                self._ready.set_result(None)
            case {"failed": why} if not self.name and not self._ready.done():  # whoever starts us decides
                self._ready.set_exception(RecogniserError(why))


class RemoteUtterance:
    """One utterance: its sound here, what is made of it there; a process that is new gets it again."""

    def __init__(self, engine: RemoteRecogniser, number: int, langs: Sequence[str], hotwords: str) -> None:
        self._engine = engine
        self._message: WireMessage = {"utterance": number, "langs": list(langs), "hotwords": hotwords}
        self._tape = UtteranceBuffer()
        self._life = self._known = 0
        weakref.finalize(self, engine.forget, number).atexit = False

    def feed(self, pcm: bytes) -> None:
        """Adds slin16."""
        self._tape.add(pcm)

    async def partial(self) -> Transcript | None:
        """The engine's."""
        return await self._ask("partial")

    async def quick(self) -> Transcript | None:
        """The engine's."""
        return await self._ask("quick")

    async def decode(self) -> Transcript:
        """The engine's."""
        transcript = await self._ask("decode")
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """The engine's."""
        return await self._ask("again")

    def _news(self, life: int) -> bytes:
        known = self._known if life == self._life else 0
        pcm = self._tape.pcm()
        self._life, self._known = life, len(pcm)
        return pcm[known:]

    async def _ask(self, how: str) -> Transcript | None:
        answer = await self._engine.ask({**self._message, "how": how}, self._news)
        if error := answer.get("error"):
            raise RecogniserError(error)
        return Transcript(**answer["transcript"]) if answer["transcript"] else None
