"""Logging of every process of ours: plain lines for people, or JSON lines (``IVR_LOG_FORMAT=json``) for machines.

A line that is written while a call is served carries the call's id.
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
"""The call that this task serves; its own tasks inherit it."""
PLAIN = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
QUIET = ("aiohttp", "httpx", "httpcore", "picows", "faster_whisper", "uvicorn.error", "alembic")
"""They log addresses, what they fetch, or their own beginnings."""


class JsonLines(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, and call where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; an exception is one field of it."""
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
    """Standard error.  When ``ivr.service.log_rotation`` has moved the log aside, the new one is opened first.

    What is written past us, such as a traceback at the end, follows into it.
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
    """For a process's whole life, on standard error."""
    handler = Output()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else logging.Formatter(PLAIN))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
