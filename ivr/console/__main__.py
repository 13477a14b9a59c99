"""``python -m ivr.console``: the HTTP server and the jobs in one task group; `ivr run` starts it."""

from __future__ import annotations

import asyncio
import functools
import sys

from sqlalchemy.exc import SQLAlchemyError

from ivr.console.api.server import ConsoleServer
from ivr.console.context import Context, open_context
from ivr.console.jobs.registry import JOBS, keep_running
from ivr.core import entrypoint, heartbeat
from ivr.core.errors import StoreError
from ivr.core.settings import Settings


async def serve(context: Context, stop: asyncio.Event) -> None:
    """Run the HTTP server and all jobs until ``stop`` is set."""
    async with asyncio.TaskGroup() as tasks:
        makers = [functools.partial(make, context) for make in (ConsoleServer, *JOBS)]
        jobs = [tasks.create_task(keep_running(make)) for make in makers]
        await stop.wait()
        for job in jobs:
            job.cancel()


async def _run(settings: Settings) -> None:
    stop = entrypoint.stop_on_signals()
    heartbeat.beat()
    try:
        context = await asyncio.to_thread(open_context, settings)
    except SQLAlchemyError as error:
        raise StoreError(f"the store is away ({type(error).__name__})") from None
    try:
        await serve(context, stop)
    finally:
        context.store.close()


def main() -> int:
    """Run the console process; returns its exit status."""
    return entrypoint.run(_run)


if __name__ == "__main__":
    sys.exit(main())
