"""The main function of each process: settings, logging, exit status."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ivr.core import logs
from ivr.core import settings as config
from ivr.core.errors import IvrError
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

THREADS = 32
"""Most threads for work that blocks; each is made when it is needed."""
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
        with logs.in_background():
            runner(_with_threads(work, settings))
    except IvrError as error:
        log.error("%s", error)
        return 1
    return 0


async def _with_threads(work: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    """Do ``work`` with more threads than Python's few for each core: some may wait for a database that hangs."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="work"))
    await work(settings)


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop
