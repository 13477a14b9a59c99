"""``python -m ivr.console``: the HTTP server and the jobs, in one task group; `ivr run` starts it."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import sys

from sqlalchemy.exc import SQLAlchemyError

from ivr.console.api.server import ConsoleServer
from ivr.console.context import Context, open_context
from ivr.console.jobs.registry import JOBS, keep
from ivr.core import logs
from ivr.core import settings as config
from ivr.core.errors import IvrError
from ivr.core.settings import Settings

log = logging.getLogger(__name__)


async def serve(context: Context, stop: asyncio.Event) -> None:
    """Until ``stop``."""
    async with asyncio.TaskGroup() as tasks:
        jobs = [tasks.create_task(keep(functools.partial(make, context))) for make in (ConsoleServer, *JOBS)]
        await stop.wait()
        for job in jobs:
            job.cancel()


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    context = await asyncio.to_thread(open_context, settings)
    try:
        await serve(context, stop)
    finally:
        context.engine.dispose()


def main() -> int:
    """Entry point of the console process."""
    settings = config.load()
    logs.set_up(settings)
    try:
        asyncio.run(_run(settings))
    except IvrError as error:
        log.error("%s", error)
        return 1
    except SQLAlchemyError as error:
        log.error("the store is away (%s)", type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
