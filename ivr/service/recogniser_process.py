"""Keeps a crew's recogniser up: it outlives the worker, and the next one is heard by it at once.

To load its models takes some seconds, in which the callers of a worker that died would wait.
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
PING_S: Final = 1.0
MISSED: Final = 5
"""After so many pings without a sign of life the process is ended and started again."""
LOADING: Final = 100
"""The same for one that does not have its models yet."""


class RecogniserProcess:
    """``start`` it, ``stop`` it; between these, ``ivr.speech.stt_remote`` asks at the socket ``path``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: ChildProcess | None = None
        self._stack = contextlib.AsyncExitStack()
        self._link = settings.recogniser_socket
        self.path = Path()

    @property
    def pid(self) -> int:
        """Process id of the recogniser; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Returns at once; whoever asks now waits until it has its models.  Raises SetupError."""
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
        """The process ends; safe to call twice, and before ``start``."""
        await self._stack.aclose()

    def _listen(self) -> socket.socket:
        # not in the folder of our state: a socket's path may have 107 bytes (unix(7))
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="accueil-"))  # mode 0700
        self.path = Path(folder) / "recogniser"
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(self.path))
        listener.listen()  # by us: who comes while there is no process waits for the next one
        self._link_here()
        return listener

    def _link_here(self) -> None:
        """Where we are asked, for the console; of several crews the newest is shown."""
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
            with contextlib.suppress(OSError):  # too many open files: it is watched again when there is room
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

        async def hear() -> None:
            nonlocal missed, allowed
            async for _ in received(reader):
                missed, allowed = 0, MISSED

        hearing = asyncio.create_task(hear())
        try:
            while not hearing.done() and missed < allowed:
                missed += 1
                send(writer, {"ping": missed})
                await asyncio.wait({hearing}, timeout=PING_S)
        finally:
            hearing.cancel()
        if missed >= allowed:
            log.error("ALARM: the recogniser has shown no sign of life for %g s; ending it", missed * PING_S)
        return missed < allowed
