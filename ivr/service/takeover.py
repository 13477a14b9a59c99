"""How `ivr publish` and `ivr rollback` ask the running service to take up a content version, and its answer.

The service listens at a Unix socket.  Whoever connects has proof that the service lives: no process is known by a
number, which another process may have after a crash.  One line asks, one line answers::

    {"take_up": 3}      {"taken_up": true}      {"taken_up": false, "reason": "no trained model ..."}
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import tempfile
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ivr.core.errors import ConfigError, IvrError, SetupError
from ivr.core.periodic import file_lock
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

ANSWER_S: Final = 400.0
"""Seconds that the service may take to answer; a new worker group has ``worker_group.READY_S`` to start."""

TakeUp = Callable[[int, Callable[[], bool]], Awaitable[None]]
"""Takes a version up, or raises IvrError.  Its second argument tells whether the asker still waits."""


class NotTakenUp(ConfigError):
    """The running service cannot use a version."""


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of the running service; raises SetupError where the instance runs already."""
    lock = settings.state_dir.lock("service")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(lock))
        except BlockingIOError:
            raise SetupError(f"instance {settings.instance} runs already") from None
        yield


@contextlib.asynccontextmanager
async def answering(settings: Settings, take_up: TakeUp) -> AsyncIterator[None]:
    """Inside the block ``take_up`` answers questions; raises OSError where there is no place for the socket."""

    async def welcome(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            writer.write(await _answer(reader, take_up) + b"\n")
            await writer.drain()
        except (OSError, ValueError) as error:
            log.warning("a request to take up content was not answered: %s", error)
        finally:
            writer.close()

    link = settings.state_dir.control_socket
    with tempfile.TemporaryDirectory(
        prefix="accueil-"
    ) as folder:  # mode 0700; a socket's path has 107 bytes at most
        path = Path(folder) / "control"
        async with await asyncio.start_unix_server(welcome, path):
            link.unlink(missing_ok=True)
            link.symlink_to(path)
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    link.unlink(missing_ok=True)


async def _answer(reader: StreamReader, take_up: TakeUp) -> bytes:
    asked = json.loads(await reader.readline())
    answer: dict[str, Any] = {"taken_up": True}
    try:
        await take_up(int(asked["take_up"]), lambda: not reader.at_eof())
    except IvrError as error:
        findings = [str(one) for one in error.findings] if isinstance(error, ConfigError) else []
        answer = {"taken_up": False, "reason": str(error), "findings": findings}
    except (
        Exception
    ) as error:  # whatever it is, the asker must hear "no", and calls go on with the old version
        log.exception("ALARM: a content version was not taken up")
        answer = {"taken_up": False, "reason": f"{type(error).__name__}: {error}"}
    return json.dumps(answer).encode()


def ask(settings: Settings, number: int) -> bool:
    """Make the running service take up the version ``number`` (0: the checkout).  Blocks.

    Returns whether a service runs.  Raises NotTakenUp where it refuses, or does not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(str(settings.state_dir.control_socket.readlink()))
        except OSError:
            if not _runs(settings):
                return False
            raise NotTakenUp("the service runs and cannot be asked: restart it, then try again") from None
        answer = _asked(connection, number)
    if not answer.get("taken_up"):
        raise NotTakenUp(
            f"the service keeps the content in use: {answer['reason']}", answer.get("findings", [])
        )
    return True


def _asked(connection: socket.socket, number: int) -> dict[str, Any]:
    try:
        connection.sendall(json.dumps({"take_up": number}).encode() + b"\n")
        with connection.makefile("r", encoding="utf-8") as lines:
            line = lines.readline()
    except TimeoutError:
        return {"reason": f"it has not answered for {ANSWER_S:g} s"}
    except OSError:
        line = ""
    if not line:
        return {"reason": "it ended before it had answered"}
    answer: dict[str, Any] = json.loads(line)
    return answer


def _runs(settings: Settings) -> bool:
    """Whether a process holds the lock of the running service."""
    try:
        with only_one(settings):
            return False
    except SetupError:
        return True
