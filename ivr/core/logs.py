"""Logging of all processes: plain lines, or JSON lines with ``IVR_LOG_FORMAT=json``.

JSON lines that are written while a call is served carry the id of the call.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import stat
import sys
from contextvars import ContextVar
from typing import TextIO

from ivr.core.settings import Settings

CALL: ContextVar[str] = ContextVar("call", default="")
"""Id of the call that the current task serves; tasks that it starts inherit it."""
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
        if call := CALL.get():
            line["call"] = call
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
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
