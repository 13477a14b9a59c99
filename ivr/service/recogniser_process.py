"""Supervises the recogniser process of a worker group.

It survives worker restarts, so that models are not reloaded: loading takes some seconds, in which callers would wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter

from ivr.core.settings import Settings
from ivr.service.child_process import RECOGNISER
from ivr.service.socket_process import LOADING, MISSED, PING_S, SocketProcess
from ivr.speech.stt_remote import close_writer, read_messages, send


class RecogniserProcess(SocketProcess):
    """The process that ``ivr.speech.stt_remote`` asks at the socket ``path``."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the recogniser of ``settings``."""
        super().__init__(settings, RECOGNISER, "recogniser", settings.recogniser_socket)

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # too many open files: the next attempt may succeed
                reader, writer = await asyncio.open_unix_connection(self.path)
                try:
                    await self._alive(reader, writer)
                finally:
                    await close_writer(writer)
            await asyncio.sleep(PING_S)

    async def _alive(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Return when the process has ended, or was stuck and has been killed.

        Pings are counted, not seconds: after a pause of our own the process still has its time to answer.
        """
        missed, allowed = 0, LOADING

        async def take_answers() -> None:
            nonlocal missed, allowed
            async for _ in read_messages(reader):
                missed, allowed = 0, MISSED

        answers = asyncio.create_task(take_answers())
        try:
            while not answers.done() and missed < allowed:
                missed += 1
                send(writer, {"ping": missed})
                await asyncio.wait({answers}, timeout=PING_S)
        finally:
            answers.cancel()
        if missed >= allowed:
            self._kill(missed * PING_S)
