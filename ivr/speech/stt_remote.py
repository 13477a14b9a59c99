"""A recogniser that runs in its own process, so that decoding cannot block calls and a crash cannot end them.

One Python process computes in one thread at a time.  With forty callers, decodes waited for calls and calls for
decodes, while a third of the machine was idle (docs/speech.md, "Many callers").

Both sides exchange messages over a Unix socket: a line of JSON, then the audio that belongs to it (its length is the
field ``bytes``).  The server is ``ivr.service.recogniser``; ``ivr.service.socket_process`` supervises it.

    client                                        server
                                                  {"name", "languages", "pid"}    or {"failed": reason}
    {"ask", "forget", "utterance", "how", ...}
                                                  {"answer", "transcript"}        or {"answer", "error"}
    {"cancel"}
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
"""Longest start of the recogniser, in seconds."""
RECONNECT_S: Final = 0.5
"""Seconds between two attempts to connect."""
QUIET_TIMEOUT_S: Final = 30.0
"""Longest time, in seconds, that work which is not urgent waits for callers."""
LONGEST_LINE: Final = 1 << 20
"""Longest line of JSON, in bytes."""

WireMessage = dict[str, Any]


def send(writer: StreamWriter, message: WireMessage, pcm: bytes = b"") -> None:
    """Write one message and the audio ``pcm`` that belongs to it.  Never waits."""
    writer.write(json.dumps({**message, "bytes": len(pcm)}).encode() + b"\n" + pcm)


async def read_messages(reader: StreamReader) -> AsyncIterator[tuple[WireMessage, bytes]]:
    """Yield each message with its audio until the connection ends.

    Something else than a message is logged and ends the iteration.
    """
    try:
        while line := await reader.readline():
            message = json.loads(line)
            yield message, await reader.readexactly(message.pop("bytes"))
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        log.error("The recogniser's socket received an invalid message (%s)", type(error).__name__)


async def close_writer(writer: StreamWriter) -> None:
    """Close the connection at once and drop unsent data."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class RemoteRecogniser:
    """A ``Recogniser`` at the Unix socket ``path``.  Call ``start``, wait for ``ready``, and ``close`` at the end.

    ``name`` and ``languages`` are empty until the process is ready.
    """

    name = ""
    languages: frozenset[str] = frozenset()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._writer: StreamWriter | None = None  # None while no process can be asked
        self._connections = 0
        self._pending: dict[int, asyncio.Future[WireMessage]] = {}
        self._forgotten: list[int] = []
        self._ready: asyncio.Future[None] | None = None
        self._link: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to connect in the background, and reconnect whenever the process ends."""
        self._ready = asyncio.get_running_loop().create_future()
        self._link = asyncio.create_task(self._stay_connected(), name="recogniser")

    async def ready(self) -> None:
        """Wait until the process has loaded its models.  Raises RecogniserError where it fails or takes too long."""
        assert self._ready is not None, "start() comes first"
        try:
            async with asyncio.timeout(READY_S):
                await asyncio.shield(self._ready)
        except TimeoutError:
            raise RecogniserError(f"the recogniser did not start in {READY_S:g} s") from None

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> RemoteUtterance:
        """Start an utterance, as ``Recogniser.utterance``."""
        return RemoteUtterance(self, next(self._numbers), langs, hotwords)

    async def close(self) -> None:
        """Disconnect.  Pending requests raise RecogniserError."""
        if self._link is not None:
            await cancelled(self._link)

    async def quiet(self) -> None:
        """Wait until no request is pending, at most ``QUIET_TIMEOUT_S``, before work that is not urgent."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET_TIMEOUT_S):
                while self._pending:
                    await asyncio.wait(self._pending.values())

    async def ask(self, message: WireMessage, new_audio: Callable[[int], bytes]) -> WireMessage:
        """Send a request and return the answer.

        message: the fields of the request.
        new_audio: returns the slin16 that the process has not received yet; its argument numbers the connection.
        Raises RecogniserError where there is no answer.
        """
        writer, number = self._writer, next(self._numbers)
        if writer is None:
            raise RecogniserError("the recogniser is unavailable and being restarted")
        answer: asyncio.Future[WireMessage] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        forgotten, self._forgotten = self._forgotten, []
        send(writer, {**message, "ask": number, "forget": forgotten}, new_audio(self._connections))
        try:
            return await answer
        except asyncio.CancelledError:
            if self._writer is writer:
                send(writer, {"cancel": number})
            raise
        finally:
            del self._pending[number]

    def forget(self, utterance: int) -> None:
        """Let the process drop the utterance of this number.  May be called in any thread."""
        self._forgotten.append(utterance)

    async def _stay_connected(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # no process listens
                await self._serve(*await asyncio.open_unix_connection(self._path, limit=LONGEST_LINE))
            await asyncio.sleep(RECONNECT_S)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Handle one connection until it ends."""
        self._connections += 1
        try:
            async for message, _ in read_messages(reader):
                self._handle(message, writer)
            log.warning("The connection to the recogniser ended; reconnecting")
        finally:
            if self._writer is not None:
                self._writer = None
                self._ready = asyncio.get_running_loop().create_future()
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(RecogniserError("the recogniser ended"))
            await close_writer(writer)

    def _handle(self, message: WireMessage, writer: StreamWriter) -> None:
        assert self._ready is not None
        match message:
            case {"answer": number}:
                answer = self._pending.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case {"name": name, "languages": languages, "pid": pid}:
                self.name, self.languages, self._writer = name, frozenset(languages), writer
                log.info("Recogniser: %s, process %d", name, pid)
                self._ready.set_result(None)
            case {"failed": reason} if not self.name and not self._ready.done():  # the first start only
                self._ready.set_exception(RecogniserError(reason))


class RemoteUtterance:
    """One utterance.  It keeps its audio, so that a restarted process can receive all of it again."""

    def __init__(self, engine: RemoteRecogniser, number: int, langs: Sequence[str], hotwords: str) -> None:
        self._engine = engine
        self._message: WireMessage = {"utterance": number, "langs": list(langs), "hotwords": hotwords}
        self._buffer = UtteranceBuffer()
        self._connection = self._sent_bytes = 0
        weakref.finalize(self, engine.forget, number).atexit = False

    def feed(self, pcm: bytes) -> None:
        """Add slin16."""
        self._buffer.add(pcm)

    async def partial(self) -> Transcript | None:
        """Return the engine's partial result, or None."""
        return await self._ask("partial")

    async def quick(self) -> Transcript | None:
        """Return the engine's quick result, or None."""
        return await self._ask("quick")

    async def decode(self) -> Transcript:
        """Return the text of all audio fed so far."""
        transcript = await self._ask("decode")
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """Return the engine's result without noise, or None."""
        return await self._ask("again")

    def _new_audio(self, connection: int) -> bytes:
        sent = self._sent_bytes if connection == self._connection else 0
        pcm = self._buffer.pcm()
        self._connection, self._sent_bytes = connection, len(pcm)
        return pcm[sent:]

    async def _ask(self, method: str) -> Transcript | None:
        answer = await self._engine.ask({**self._message, "how": method}, self._new_audio)
        if error := answer.get("error"):
            raise RecogniserError(error)
        return Transcript(**answer["transcript"]) if answer["transcript"] else None
