"""A worker's journal under calls: ``python -m tests.store.calling FOLDER DATABASE CALLS_PER_MINUTE``.

Each call is the events of tests/store/calls.py, spread over 40 seconds (or less, at more calls a minute); a line on
standard output for each event that was taken: the call, its number in it.  SIGTERM ends it as a service ends.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from ivr.core.events import Sequence, Stamped
from ivr.store.database import Store
from ivr.store.journal import Journal
from tests.store.calls import PSEUDONYMS, SAMPLES

CALL_S = 40.0


async def call(journal: Journal, name: str, length_s: float) -> None:
    numbers, begun = Sequence(), time.monotonic()
    for place, event in enumerate(SAMPLES):
        journal.append(Stamped(name, numbers.next(), time.monotonic() - begun, event))
        sys.stdout.write(f"{name} {place}\n")
        sys.stdout.flush()
        await asyncio.sleep(length_s / len(SAMPLES))


async def main(folder: str, database: str, per_minute: str) -> None:
    journal = Journal(Path(folder), Store(database), PSEUDONYMS)
    pause_s = 60.0 / float(per_minute)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    storing = asyncio.create_task(journal.run())
    async with asyncio.TaskGroup() as calls:
        count = 0
        while not stop.is_set():
            calls.create_task(call(journal, f"call-{count:05}", min(CALL_S, 10 * pause_s)))
            count += 1
            await asyncio.sleep(pause_s)
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
