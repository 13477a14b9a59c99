"""The main function of each process: settings, logging, exit status."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from ivr.core import logs
from ivr.core import settings as config
from ivr.core.errors import IvrError
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

Runner = Callable[[Coroutine[Any, Any, None]], None]


def run(work: Callable[[Settings], Coroutine[Any, Any, None]], runner: Runner = asyncio.run) -> int:
    """Run ``work`` with the settings of the environment; return the exit status of the process.

    work: makes the coroutine of the process from its settings.
    runner: runs the coroutine.

    An IvrError is logged as one line and gives status 1.
    """
    settings = config.load()
    logs.set_up(settings)
    try:
        runner(work(settings))
    except IvrError as error:
        log.error("%s", error)
        return 1
    return 0


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop
