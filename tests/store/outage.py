"""A database that is stopped under calls, for a test (seconds) and for the drill (minutes)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from ivr.store import queries
from ivr.store.database import Store
from tests.conftest import ROOT
from tests.postgres import Server
from tests.store.calls import SAMPLES

STORED_S = 60.0


@dataclass
class Outcome:
    """What was taken by the worker and what is stored: events of each call, in their order."""

    taken: dict[str, int] = field(default_factory=dict)
    taken_in_outage: int = 0
    stored: dict[str, list[int]] = field(default_factory=dict)
    doubled: int = 0
    caught_up_s: float = 0.0

    @property
    def faults(self) -> list[str]:
        """Calls of which something is missing, doubled or out of order."""
        return [name for name, count in self.taken.items() if self.stored.get(name) != list(range(count))]


def outage(server: Server, spool: Path, *, per_minute: float, before_s: float, away_s: float) -> Outcome:
    """Calls, then no database for ``away_s`` seconds, then the database again; calls never stop meanwhile."""
    database, found = server.database(), Outcome()
    command = [sys.executable, "-m", "tests.store.calling", str(spool), database, str(per_minute)]
    taken: dict[str, int] = defaultdict(int)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        reading = threading.Thread(target=_count, args=(process, taken))
        reading.start()
        time.sleep(before_s)
        before = sum(taken.values())
        server.stop()
        time.sleep(away_s)
        found.taken_in_outage = sum(taken.values()) - before
        process.terminate()  # no new calls: those that run are finished
        server.start()
        back = time.monotonic()
        process.wait(STORED_S + 60)
        found.caught_up_s = time.monotonic() - back
        reading.join()
    found.taken = dict(taken)
    _read(database, found)
    server.drop(database)
    return found


def _count(process: subprocess.Popen[str], taken: dict[str, int]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        taken[line.split()[0]] += 1


def _read(database: str, found: Outcome) -> None:
    """The stored events by their place in SAMPLES, in the order of the store."""
    places = {event.kind: place for place, event in enumerate(SAMPLES)}
    store = Store(database)
    for name in found.taken:
        found.stored[name] = [places[item.event.kind] for item in queries.events_of(store, name)]
    store.close()
