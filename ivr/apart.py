"""A recogniser in a process of its own: what it computes holds up no call, and where it crashes, calls go on.

One process of Python computes in one thread at a time.  With forty callers a decode waited for the calls, and the
calls for the decodes, while a third of the machine lay idle (docs/speech.md, "Many callers").

Both sides speak over a pair of sockets: a line of JSON, and the sound that belongs to it.  The other side is
``ivr.recogniser``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
import sys
import weakref
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from ivr.errors import RecogniserError
from ivr.restarts import Restarts, ended, pid_of
from ivr.speech.stt import Tape, Transcript

log = logging.getLogger(__name__)

MODULE: Final = "ivr.recogniser"
PING_S: Final = 1.0
MISSED: Final = 5
"""After so many pings without a sign of life the process is ended and started again."""
READY_S: Final = 100.0
"""The same for one that does not have its models by then."""
RESTART_MAX_S: Final = 10.0
END_S: Final = 2.0
LONGEST_LINE: Final = 1 << 20

Message = dict[str, Any]


def send(writer: StreamWriter, message: Message, pcm: bytes = b"") -> None:
    """One message, with the sound that belongs to it; never waits."""
    writer.write(json.dumps({**message, "bytes": len(pcm)}).encode() + b"\n" + pcm)


async def received(reader: StreamReader) -> AsyncIterator[tuple[Message, bytes]]:
    """Messages with their sound, until the other side is gone."""
    try:
        while line := await reader.readline():
            message = json.loads(line)
            yield message, await reader.readexactly(message.pop("bytes"))
    except (ConnectionError, asyncio.IncompleteReadError):
        return


class Apart:
    """A ``Recogniser``: ``start`` it, wait until it is ``ready``, ``close`` it."""

    name = ""
    languages: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._process: Process | None = None
        self._writer: StreamWriter | None = None  # None while there is nobody to ask
        self._lives = 0
        self._missed = 0
        self._asked: dict[int, asyncio.Future[Message]] = {}
        self._gone: list[int] = []
        self._ready: asyncio.Future[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id; 0 while there is none."""
        return pid_of(self._process)

    def start(self) -> None:
        """Returns at once; from now on it is kept up."""
        self._ready = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(), name="recogniser")

    async def ready(self) -> None:
        """Returns when it has its models and can be asked; raises RecogniserError where that cannot be."""
        assert self._ready is not None, "start() comes first"
        await self._ready

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> ApartUtterance:
        """Starts listening."""
        return ApartUtterance(self, next(self._numbers), langs, hotwords)

    async def close(self) -> None:
        """Ends the process; who waits for an answer gets RecogniserError."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def ask(self, message: Message, news: Callable[[int], bytes]) -> Message:
        """The answer.  ``news``: the sound that this process (by its number) has not got yet.

        Raises RecogniserError where there is no answer.
        """
        writer, number = self._writer, next(self._numbers)
        if writer is None:
            raise RecogniserError("the recogniser is away, and being started again")
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
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

    async def _watch(self, process: Process, writer: StreamWriter) -> None:
        """Ends one that stands still.  Pings are counted: after a halt of ours it has its time to answer."""
        self._missed = 0
        while self._missed < MISSED:
            self._missed += self._writer is writer  # it has its models
            send(writer, {"ping": self._missed})
            await asyncio.sleep(PING_S)
        log.error("ALARM: the recogniser has shown no sign of life for %g s; ending it", MISSED * PING_S)
        process.kill()

    async def _keep(self) -> None:
        restarts = Restarts(RESTART_MAX_S)
        while True:
            restarts.begins()
            try:
                ending = await self._live()
            except OSError as error:  # no memory, or not ready in time: calls go on by keys
                ending = str(error) or type(error).__name__
            if not self.name:  # it never was there: whoever starts us decides
                self._failed(f"the recogniser did not start ({ending})")
                return
            log.error("ALARM: the recogniser ended (%s); starting it again", ending)
            await restarts.pause()

    async def _live(self) -> str:
        """One process, from its start to its end; how it ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", MODULE, str(theirs.fileno()), pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        self._lives += 1
        watching = asyncio.create_task(self._watch(self._process, writer))
        try:
            async with asyncio.timeout(READY_S) as limit:
                async for message, _ in received(reader):
                    limit.reschedule(None)
                    self._take(message, writer)
        finally:
            watching.cancel()
            self._writer = None
            if self.name:
                self._ready = asyncio.get_running_loop().create_future()
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(RecogniserError("the recogniser ended"))
            writer.close()
            status = await ended(self._process, END_S)  # without us it ends by itself
        return f"status {status}"

    def _failed(self, why: str) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(RecogniserError(why))

    def _take(self, message: Message, writer: StreamWriter) -> None:
        assert self._ready is not None
        self._missed = 0
        match message:
            case {"answer": number}:
                answer = self._asked.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case {"name": name, "languages": languages}:
                self.name, self.languages, self._writer = name, frozenset(languages), writer
                log.info("Recogniser: %s, process %d", name, self.pid)
                self._ready.set_result(None)
            case {"failed": why}:
                self._failed(why)


class ApartUtterance:
    """One utterance: its sound here, what is made of it there; a process that is new gets it again."""

    def __init__(self, engine: Apart, number: int, langs: Sequence[str], hotwords: str) -> None:
        self._engine = engine
        self._message: Message = {"utterance": number, "langs": list(langs), "hotwords": hotwords}
        self._tape = Tape()
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
