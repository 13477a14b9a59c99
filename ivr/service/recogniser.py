"""``python -m ivr.service.recogniser FD``: speech to text for the workers that ask at that listening socket.

A process of its own (``ivr.speech.stt_remote`` says why) that outlives a worker.  ``ivr.service.recogniser_process``
keeps it up.  It ends when that process is gone and no worker uses it: a worker that lost its supervisor still hears
its callers.
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
from ivr.core import entrypoint
from ivr.core.audio import silence
from ivr.core.errors import EngineError, IvrError
from ivr.core.settings import Settings
from ivr.speech.end_of_turn import with_endpointing
from ivr.speech.engines import choose
from ivr.speech.stt import Recogniser, Utterance
from ivr.speech.stt_remote import LONGEST_LINE, WireMessage, received, send

log = logging.getLogger(__name__)

HOWS = ("partial", "quick", "decode", "again")
"""What is asked of an ``Utterance``, by the names of its methods."""


class RecogniserSession:
    """What is being heard for the worker at the other end."""

    def __init__(self, recogniser: Recogniser, writer: StreamWriter) -> None:
        self._recogniser, self._writer = recogniser, writer
        self._utterances: dict[int, Utterance] = {}
        self._asked: dict[int, Task[None]] = {}

    def close(self) -> None:
        """The worker is gone: nobody waits for what is being decoded."""
        for task in self._asked.values():
            task.cancel()

    def take(self, message: WireMessage, pcm: bytes) -> None:
        """One message of the worker's."""
        match message:
            case {"ask": number, "how": how} if how in HOWS:
                for gone in message["forget"]:
                    self._utterances.pop(gone, None)
                utterance = self._utterance(message)
                utterance.feed(pcm)
                task = self._asked[number] = asyncio.create_task(self._answer(number, utterance, how))
                task.add_done_callback(lambda _: self._asked.pop(number))  # cancelled before it began, too
            case {"ping": _}:
                send(self._writer, message)
            case {"cancel": number} if number in self._asked:
                self._asked[number].cancel()

    def _utterance(self, message: WireMessage) -> Utterance:
        number = message["utterance"]
        if number not in self._utterances:
            self._utterances[number] = self._recogniser.utterance(message["langs"], message["hotwords"])
        return self._utterances[number]

    async def _answer(self, number: int, utterance: Utterance, how: str) -> None:
        answer: WireMessage = {"answer": number}
        try:
            transcript = await getattr(utterance, how)()
            answer["transcript"] = transcript and asdict(transcript)
        except EngineError as error:
            answer["error"] = str(error)
        except Exception as error:  # a fault of ours: the caller goes on by keys
            log.exception("%s failed", how)
            answer["error"] = f"{type(error).__name__}: {error}"
        send(self._writer, answer)


class RecogniserServer:
    """One engine, and the workers that ask it; those who come early wait until it has its models."""

    def __init__(self) -> None:
        self._recogniser: asyncio.Future[Recogniser] = asyncio.get_running_loop().create_future()
        self._links: set[Task[None]] = set()
        self._kept = True

    async def serve(self, listener: socket.socket, settings: Settings) -> None:
        """For good; raises ConfigError and RecogniserError, which those who wait are told, when it cannot."""
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._unkept)
        langs = list(load_callflow(settings.root).languages)
        async with await asyncio.start_unix_server(
            self._welcome, sock=listener, limit=LONGEST_LINE
        ) as server:
            try:
                recogniser = await asyncio.to_thread(_loaded, settings, langs)
                await _warm_up(recogniser, langs[0])
            except IvrError as error:
                self._recogniser.set_exception(error)
                await asyncio.gather(*self._links)
                raise
            self._recogniser.set_result(recogniser)
            await server.serve_forever()

    async def _welcome(self, reader: StreamReader, writer: StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            await self._hear(reader, writer)
        finally:
            writer.close()
            self._links.discard(link)
            self._end_if_alone()

    async def _hear(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One worker, until it is gone."""
        try:
            recogniser = await asyncio.shield(self._recogniser)
        except IvrError as error:
            send(writer, {"failed": str(error)})
            await writer.drain()
            return
        send(writer, {"name": recogniser.name, "languages": sorted(recogniser.languages), "pid": os.getpid()})
        hearer = RecogniserSession(recogniser, writer)
        async for message, pcm in received(reader):
            hearer.take(message, pcm)
        hearer.close()

    def _unkept(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._kept = False
        self._end_if_alone()

    def _end_if_alone(self) -> None:
        if not self._kept and not self._links:
            os._exit(0)  # nobody waits for the decodes that run


async def _recognise(listener: socket.socket, settings: Settings) -> None:
    await RecogniserServer().serve(listener, settings)


def _loaded(settings: Settings, langs: list[str]) -> Recogniser:
    return with_endpointing(settings, choose(settings, langs))


async def _warm_up(recogniser: Recogniser, lang: str) -> None:
    """The first decode of a process is slow: no caller shall wait for it."""
    utterance = recogniser.utterance([lang])
    utterance.feed(silence(1.0))
    await utterance.decode()


def main() -> int:
    """Entry point of the recogniser's process."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    return entrypoint.run(partial(_recognise, listener), uvloop.run)


if __name__ == "__main__":
    sys.exit(main())
