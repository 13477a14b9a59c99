"""The recogniser process: speech to text for the workers that connect to a listening socket.

It is started as ``python -m ivr.service.recogniser FD``, where FD is the file descriptor of the socket.
``ivr.speech.stt_remote`` explains why it is a process of its own, and ``ivr.service.socket_process`` supervises
it.  It ends when its supervisor has ended and no worker is connected, so a worker without a supervisor still
understands its callers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from asyncio import StreamReader, StreamWriter, Task
from dataclasses import asdict
from functools import partial

import uvloop

from ivr.content.callflow import load_callflow
from ivr.core import entrypoint, heartbeat
from ivr.core.audio import silence
from ivr.core.errors import EngineError, IvrError
from ivr.core.settings import Settings
from ivr.service.decode_watch import DecodeWatch
from ivr.speech.end_of_turn import with_endpointing
from ivr.speech.engines import choose
from ivr.speech.stt import Recogniser, Utterance
from ivr.speech.stt_remote import LONGEST_LINE, WireMessage, read_messages, send

log = logging.getLogger(__name__)

LOGGED_S = 0.2
"""Seconds for the last line to be written, before the process ends without ceremony."""

REQUESTS = ("partial", "quick", "decode", "again")
"""Requests: the names of the methods of ``Utterance`` that a worker may call."""


class RecogniserSession:
    """The utterances of one connected worker."""

    def __init__(self, recogniser: Recogniser, writer: StreamWriter, watch: DecodeWatch) -> None:
        self._recogniser, self._writer, self._watch = recogniser, writer, watch
        self._utterances: dict[int, Utterance] = {}
        self._asked: dict[int, Task[None]] = {}

    def close(self) -> None:
        """Cancel the running requests: the worker is gone."""
        for task in self._asked.values():
            task.cancel()

    def take(self, message: WireMessage, pcm: bytes) -> None:
        """Take one message of the worker.

        message: see ``ivr.speech.stt_remote``.
        pcm: the audio that follows it, s16le mono at 16 kHz.
        """
        match message:
            case {"ask": number, "how": how} if how in REQUESTS:
                for gone in message["forget"]:
                    self._utterances.pop(gone, None)
                utterance = self._utterance(message)
                utterance.feed(pcm)
                task = self._asked[number] = asyncio.create_task(self._answer(number, utterance, how))
                task.add_done_callback(lambda _: self._asked.pop(number))
            case {"cancel": number} if number in self._asked:
                self._asked[number].cancel()

    def _utterance(self, message: WireMessage) -> Utterance:
        number = message["utterance"]
        if number not in self._utterances:
            self._utterances[number] = self._recogniser.utterance(message["langs"], message["hotwords"])
        return self._utterances[number]

    async def _answer(self, number: int, utterance: Utterance, how: str) -> None:
        answer: WireMessage = {"answer": number}
        self._watch.asked()
        try:
            transcript = await getattr(utterance, how)()
            answer["transcript"] = transcript and asdict(transcript)
        except EngineError as error:
            answer["error"] = str(error)
        except Exception as error:  # an error of this program: the caller goes on by keys
            log.exception("%s failed", how)
            answer["error"] = f"{type(error).__name__}: {error}"
        self._watch.answered()
        send(self._writer, answer)


class RecogniserServer:
    """One engine and the workers that use it; requests wait until it has loaded its models."""

    def __init__(self) -> None:
        self._recogniser: asyncio.Future[Recogniser] = asyncio.get_running_loop().create_future()
        self._links: set[Task[None]] = set()
        self._supervised = True
        self._watch: DecodeWatch | None = None

    async def serve(self, listener: socket.socket, settings: Settings) -> None:
        """Serve until cancelled.

        listener: the listening socket.

        Raises ConfigError or RecogniserError when the engine cannot be loaded; waiting workers get the error, too.
        """
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._supervisor_gone)
        langs = list(load_callflow(settings.root).languages)
        async with await asyncio.start_unix_server(
            self._welcome, sock=listener, limit=LONGEST_LINE
        ) as server:
            try:
                recogniser = await asyncio.to_thread(_loaded, settings, langs)
                await _decode_silence(recogniser, langs[0])  # the first decode in a process is slow
            except IvrError as error:
                self._recogniser.set_exception(error)
                await asyncio.gather(*self._links)
                raise
            self._watch = DecodeWatch(partial(_decode_silence, recogniser, langs[0]))
            self._recogniser.set_result(recogniser)
            heartbeat.beat()  # not while it loads, which holds Python's lock for seconds
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.serve_forever())
                tasks.create_task(self._end_when_stuck(self._watch))

    async def _welcome(self, reader: StreamReader, writer: StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            await self._serve_worker(reader, writer)
        finally:
            writer.close()
            self._links.discard(link)
            self._end_if_unused()

    async def _serve_worker(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one worker until it disconnects."""
        try:
            recogniser = await asyncio.shield(self._recogniser)
        except IvrError as error:
            send(writer, {"failed": str(error)})
            await writer.drain()
            return
        send(writer, {"name": recogniser.name, "languages": sorted(recogniser.languages), "pid": os.getpid()})
        assert self._watch is not None  # it comes with the recogniser
        session = RecogniserSession(recogniser, writer, self._watch)
        async for message, pcm in read_messages(reader):
            session.take(message, pcm)
        session.close()

    async def _end_when_stuck(self, watch: DecodeWatch) -> None:
        """End the process when no decode ends; the supervisor starts a new one."""
        log.error("ALARM: no decode has ended for %.0f s; ending the recogniser", await watch.run())
        await asyncio.sleep(LOGGED_S)
        os._exit(1)  # without waiting for the threads that hang

    def _supervisor_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._supervised = False
        self._end_if_unused()

    def _end_if_unused(self) -> None:
        if not self._supervised and not self._links:
            os._exit(0)  # without waiting for decodes whose result nobody gets


async def _recognise(listener: socket.socket, settings: Settings) -> None:
    await RecogniserServer().serve(listener, settings)


def _loaded(settings: Settings, langs: list[str]) -> Recogniser:
    return with_endpointing(settings, choose(settings, langs))


async def _decode_silence(recogniser: Recogniser, lang: str) -> None:
    utterance = recogniser.utterance([lang])
    utterance.feed(silence(1.0))
    await utterance.decode()


def main() -> int:
    """Entry point of the recogniser's process."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    return entrypoint.run(partial(_recognise, listener), uvloop.run)


if __name__ == "__main__":
    sys.exit(main())
