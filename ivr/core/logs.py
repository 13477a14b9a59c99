"""Logging of all processes: plain lines, or JSON lines with ``IVR_LOG_FORMAT=json``.

JSON lines that are written while a call is served carry the id of the call.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import logging
import os
import queue
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import QueueHandler, QueueListener
from typing import TextIO

from ivr.core.settings import Settings

CALL: ContextVar[str] = ContextVar("call", default="")
"""Id of the call that the current task serves; tasks that it starts inherit it."""
LINES_WAITING = 10_000
"""Lines that wait while the disk of the log stalls."""
TRACEBACKS = logging.Formatter()
PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
QUIET = ("aiohttp", "httpx", "httpcore", "picows", "faster_whisper", "uvicorn.error", "alembic")
"""Libraries whose lines below WARNING are dropped: they log addresses, requests and start-up details."""


class JsonLines(logging.Formatter):
    """One JSON object for each line: time (UTC), level, logger, message, and the call if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback becomes the field ``exception``."""
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if call := getattr(record, "call", "") or CALL.get():
            line["call"] = call
        if record.exc_info or record.exc_text:
            line["exception"] = record.exc_text or self.formatException(record.exc_info or (None, None, None))
        return json.dumps(line, ensure_ascii=False)


class Output(logging.StreamHandler[TextIO]):
    """Writes to standard error, and opens the file anew when ``ivr.service.log_rotation`` has moved it aside.

    Descriptors 1 and 2 are replaced, so that tracebacks of the interpreter go to the new file too.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        regular = stat.S_ISREG(os.fstat(2).st_mode)
        self._path = os.readlink("/proc/self/fd/2") if regular else ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if self._path and _moved(self._path):
            fresh = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            for standard in (1, 2):
                os.dup2(fresh, standard)
            os.close(fresh)
        super().emit(record)


class Background(QueueHandler):
    """Hands lines to a thread that writes them: a disk that stalls holds up no event loop.

    Lines that find no room are counted, and their number is logged later.
    """

    def __init__(self) -> None:
        super().__init__(queue.Queue(LINES_WAITING))
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Complete the line with what is only known here: the call, and the traceback."""
        made = copy.copy(record)
        made.call = CALL.get()
        made.msg, made.args = record.getMessage(), None
        if record.exc_info:
            made.exc_text, made.exc_info = TRACEBACKS.formatException(record.exc_info), None
        return made

    def enqueue(self, record: logging.LogRecord) -> None:
        """Hand the line over."""
        try:
            if self._lost:
                told = f"ALARM: {self._lost} lines of the log are lost: its disk stalls"
                self.queue.put_nowait(logging.LogRecord(__name__, logging.ERROR, "", 0, told, None, None))
                self._lost = 0
            self.queue.put_nowait(record)
        except queue.Full:
            self._lost += 1


@contextmanager
def in_background() -> Iterator[None]:
    """Write the lines of the block in a thread; at its end all are written."""
    root = logging.getLogger()
    direct = list(root.handlers)
    background = Background()
    listener = QueueListener(background.queue, *direct)
    listener.start()
    root.handlers[:] = [background]
    try:
        yield
    finally:
        root.handlers[:] = direct
        listener.stop()


def _moved(path: str) -> bool:
    try:
        return os.stat(path).st_ino != os.fstat(2).st_ino
    except OSError:
        return True


def set_up(settings: Settings) -> None:
    """Configure logging to standard error for the whole life of this process."""
    handler = Output()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else logging.Formatter(PLAIN))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
