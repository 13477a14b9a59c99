"""A child process that is asked at a Unix socket, which outlives the process: the recogniser and the classifier.

The supervisor listens, and each new process takes the listening socket over: a request that comes while there is no
process waits for the next one.  Both processes survive restarts of the worker, so that models are not reloaded:
loading takes some seconds, in which callers would wait.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
from pathlib import Path
from typing import Final, Self

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.service.child_process import CLASSIFIER, RECOGNISER, ChildProcess

log = logging.getLogger(__name__)

RESTART_MAX_S: Final = 10.0


class SocketProcess:
    """``start`` it, ``stop`` it; between these it is asked at the socket ``path``."""

    def __init__(self, settings: Settings, module: str, name: str, link: Path) -> None:
        """Prepare ``python -m MODULE FD``.

        settings: of the instance.
        module: the module to run; its argument is the file descriptor of the listening socket.
        name: what logs call the process, and the name of its log file.
        link: a symbolic link to the socket of the newest worker group, for the console.
        """
        self._settings, self._module = settings, module
        self._process: ChildProcess | None = None
        self._stack = contextlib.AsyncExitStack()
        self._name, self._link = name, link
        self.path = Path()

    @classmethod
    def recogniser(cls, settings: Settings) -> Self:
        """The process that ``ivr.speech.stt_remote`` asks."""
        return cls(settings, RECOGNISER, "recogniser", settings.recogniser_socket)

    @classmethod
    def classifier(cls, settings: Settings) -> Self:
        """The process that an ``HttpClassifier`` asks."""
        return cls(settings, CLASSIFIER, "classifier", settings.classifier_socket)

    @property
    def pid(self) -> int:
        """Process id; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the process and return at once; raises SetupError where there is no place for the socket."""
        try:
            listener = self._listen()
        except OSError as error:
            raise SetupError(f"no place for the {self._name}'s socket: {error}") from error
        self._process = ChildProcess(self._settings, self._module, self._name, listener, RESTART_MAX_S)
        self._stack.push_async_callback(self._process.stop)
        self._process.supervise()

    async def stop(self) -> None:
        """End the process; safe to call twice, and before ``start``."""
        await self._stack.aclose()

    def _listen(self) -> socket.socket:
        # not in the state folder: the path of a socket may have 107 bytes (unix(7))
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="accueil-"))  # mode 0700
        self.path = Path(folder) / self._name
        listener = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(self.path))
        listener.listen()
        self._link_here()
        return listener

    def _link_here(self) -> None:
        draft = self._link.with_name(f".{self._link.name}.{self.path.parent.name}")
        try:
            self._link.parent.mkdir(parents=True, exist_ok=True)
            draft.symlink_to(self.path)
            draft.replace(self._link)
        except OSError as error:
            log.warning(
                "%s: %s; /readyz will say that the %s is away", self._link, error.strerror, self._name
            )
        self._stack.callback(self._unlink)

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            if self._link.readlink() == self.path:
                self._link.unlink()
