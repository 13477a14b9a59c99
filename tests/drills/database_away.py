"""Stops a database for minutes during calls: ``python -m tests.drills.database_away [MINUTES]`` (default 5).

It runs a PostgreSQL server and a worker's journal with 10 calls a minute.  It prints which events were lost, doubled
or out of order, and exits with status 1 when there were any.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.postgres import server
from tests.store.outage import outage


def main(minutes: str = "5") -> int:
    with server() as running, tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        found = outage(running, spool, per_minute=10, before_s=60, away_s=60 * float(minutes))
        left = [path.name for path in spool.iterdir()]
    sys.stdout.write(
        f"{len(found.taken)} calls, {sum(found.taken.values())} events, {found.taken_in_outage} of them while the"
        f" database was down for {minutes} min\n"
        f"stored {sum(map(len, found.stored.values()))}; calls with lost, doubled or unordered events:"
        f" {len(found.faults)}; files left in the journal: {len(left)}\n"
        f"{found.caught_up_s:.0f} s after its return the last call had ended and everything was stored\n"
    )
    return 1 if found.faults or left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
