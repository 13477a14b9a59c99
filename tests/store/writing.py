"""A process that writes events, to be killed: ``python -m tests.store.writing FOLDER DATABASE [LIMIT [START]]``.

It writes the number of each event to standard output after the journal has taken it.  With LIMIT it may write no
file longer than so many bytes, as on a full disk, for events 100 to 199; with ``hang`` it stores in a thread, as a
worker does.  START is the number of the first event.
"""

from __future__ import annotations

import logging
import resource
import sys
import threading
from pathlib import Path

from ivr.core.events import Fault, Stamped
from ivr.store.database import Store
from ivr.store.journal import Journal
from tests.store.calls import PSEUDONYMS


def main(folder: str, database: str, limit: str = "", start: str = "0") -> None:
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    journal = Journal(Path(folder), Store(database), PSEUDONYMS)
    if beside := limit == "hang":
        threading.Thread(target=journal.drain, daemon=True).start()
        limit = ""
    for number in range(int(start), 1_000_000 if not limit else 300):
        if limit and number == 100:
            set_limit(journal.path.stat().st_size + int(limit))
        if limit and number == 200:
            set_limit(resource.RLIM_INFINITY)
        journal.append(Stamped("c1", number, 0.0, Fault("test", "x" * (number % 97))))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        if number % 50 == 49 and not beside and not limit:
            journal.drain()
    if limit:
        journal.drain()
        journal.close()


def set_limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(*sys.argv[1:])
