"""``python -m ivr.recogniser FD``: speech to text for one worker, which starts it and asks through that socket.

A process of its own (``ivr.apart`` says why); it ends when the worker does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from asyncio import StreamWriter, Task
from dataclasses import asdict
from functools import partial

import uvloop

from ivr import process
from ivr.apart import LONGEST_LINE, Message, received, send
from ivr.audio import silence
from ivr.callflow import load_callflow
from ivr.config import Settings
from ivr.errors import EngineError, IvrError
from ivr.speech import stt
from ivr.speech.endpoint import with_endpointing
from ivr.speech.stt import Recogniser, Utterance

log = logging.getLogger(__name__)

HOWS = ("partial", "quick", "decode", "again")
"""What is asked of an ``Utterance``, by the names of its methods."""


class Hearer:
    """What is being heard for the worker at the other end."""

    def __init__(self, recogniser: Recogniser, writer: StreamWriter) -> None:
        self._recogniser, self._writer = recogniser, writer
        self._utterances: dict[int, Utterance] = {}
        self._asked: dict[int, Task[None]] = {}

    def take(self, message: Message, pcm: bytes) -> None:
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

    def _utterance(self, message: Message) -> Utterance:
        number = message["utterance"]
        if number not in self._utterances:
            self._utterances[number] = self._recogniser.utterance(message["langs"], message["hotwords"])
        return self._utterances[number]

    async def _answer(self, number: int, utterance: Utterance, how: str) -> None:
        answer: Message = {"answer": number}
        try:
            transcript = await getattr(utterance, how)()
            answer["transcript"] = transcript and asdict(transcript)
        except EngineError as error:
            answer["error"] = str(error)
        except Exception as error:  # a fault of ours: the caller goes on by keys
            log.exception("%s failed", how)
            answer["error"] = f"{type(error).__name__}: {error}"
        send(self._writer, answer)


async def _hear(link: socket.socket, settings: Settings) -> None:
    """Until the worker is gone."""
    reader, writer = await asyncio.open_connection(sock=link, limit=LONGEST_LINE)
    langs = [str(lang) for lang in load_callflow(settings.root).languages]
    try:
        recogniser = await asyncio.to_thread(_loaded, settings, langs)
        await _warm_up(recogniser, langs[0])
    except IvrError as error:
        send(writer, {"failed": str(error)})
        await writer.drain()
        raise
    send(writer, {"name": recogniser.name, "languages": sorted(recogniser.languages)})
    hearer = Hearer(recogniser, writer)
    async for message, pcm in received(reader):
        hearer.take(message, pcm)
    os._exit(0)  # nobody waits for the decodes that run


def _loaded(settings: Settings, langs: list[str]) -> Recogniser:
    return with_endpointing(settings, stt.choose(settings, langs))


async def _warm_up(recogniser: Recogniser, lang: str) -> None:
    """The first decode of a process is slow: no caller shall wait for it."""
    utterance = recogniser.utterance([lang])
    utterance.feed(silence(1.0))
    await utterance.decode()


def main() -> int:
    """Entry point of the recogniser's process."""
    link = socket.socket(fileno=int(sys.argv[1]))
    return process.run(partial(_hear, link), uvloop.run)


if __name__ == "__main__":
    sys.exit(main())
