"""Supervises the recogniser process of a worker group.

It survives worker restarts, so that models are not reloaded: loading takes some seconds, in which callers would wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import tempfile
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Final

from ivr.core.errors import SetupError
from ivr.core.processes import cancelled
from ivr.core.settings import Settings
from ivr.service.child_process import RECOGNISER, ChildProcess
from ivr.speech.stt_remote import closed, received, send

log = logging.getLogger(__name__)

RESTART_MAX_S: Final = 10.0
"""Longest pause in seconds before it is started again."""
PING_S: Final = 1.0
"""Seconds between pings."""
MISSED: Final = 5
"""Pings without an answer after which the process is killed and started again."""
LOADING: Final = 100
"""The same for a process that is still loading its models."""


class RecogniserProcess:
    """The process between ``start`` and ``stop``; ``ivr.speech.stt_remote`` uses it at the socket ``path``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: ChildProcess | None = None
        self._stack = contextlib.AsyncExitStack()
        self._link = settings.recogniser_socket
        self.path = Path()

    @property
    def pid(self) -> int:
        """Process id of the recogniser; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it and return at once; requests wait until it has its models.  Raises SetupError without a socket."""
        try:
            listener = self._listen()
        except OSError as error:
            raise SetupError(f"no place for the recogniser's socket: {error}") from error
        self._process = ChildProcess(self._settings, RECOGNISER, "recogniser", listener, RESTART_MAX_S)
        self._stack.push_async_callback(self._process.stop)
        self._process.supervise()
        watching = asyncio.create_task(self._watch(self._process), name="recogniser watched")
        self._stack.push_async_callback(cancelled, watching)

    async def stop(self) -> None:
        """End the process; safe to call twice, and before ``start``."""
        await self._stack.aclose()

    def _listen(self) -> socket.socket:
        # not in the folder of the state: the path of a socket has at most 107 bytes (unix(7))
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="accueil-"))  # mode 0700
        self.path = Path(folder) / "recogniser"
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(self.path))
        listener.listen()  # here, so that connections wait while there is no process
        self._link_here()
        return listener

    def _link_here(self) -> None:
        """Link to the socket, for the console; with several worker groups it leads to the newest."""
        draft = self._link.with_name(f".{self._link.name}.{self.path.parent.name}")
        try:
            self._link.parent.mkdir(parents=True, exist_ok=True)
            draft.symlink_to(self.path)
            draft.replace(self._link)
        except OSError as error:
            log.warning("%s: %s; /readyz will say that the recogniser is away", self._link, error.strerror)
        self._stack.callback(self._unlink)

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            if self._link.readlink() == self.path:
                self._link.unlink()

    async def _watch(self, process: ChildProcess) -> None:
        while True:
            with contextlib.suppress(OSError):  # too many open files: the next attempt may succeed
                reader, writer = await asyncio.open_unix_connection(self.path)
                try:
                    if not await self._alive(reader, writer):
                        process.send_signal(signal.SIGKILL)
                finally:
                    await closed(writer)
            await asyncio.sleep(PING_S)

    async def _alive(self, reader: StreamReader, writer: StreamWriter) -> bool:
        """Return True when it has ended, False when it hangs.

        Missed pings are counted, rather than the time: after a halt of this process it still has time to answer.
        """
        missed, allowed = 0, LOADING

        async def take_answers() -> None:
            nonlocal missed, allowed
            async for _ in received(reader):
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
            log.error("ALARM: the recogniser has shown no sign of life for %g s; ending it", missed * PING_S)
        return missed < allowed
