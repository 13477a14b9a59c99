"""A database that is stopped for minutes under calls: ``python -m tests.drills.database_away [MINUTES]`` (5).

A real PostgreSQL server of its own and a worker's journal with 10 calls a minute; prints what was lost, doubled or
out of order.  Exit status 1 when anything was.
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
        f" database was away for {minutes} min\n"
        f"stored {sum(map(len, found.stored.values()))}; calls with a loss, a double or a wrong order:"
        f" {len(found.faults)}; files left in the journal: {len(left)}\n"
        f"{found.caught_up_s:.0f} s after it was back the last call was over and all was stored\n"
    )
    return 1 if found.faults or left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
