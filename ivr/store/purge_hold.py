"""Decides whether the clock can be trusted enough to delete by it.

A clock that is set wrong, even for an hour, must not delete what is to be kept.  Each purge notes the clock.  When
the clock has moved more than a day since the last note, nothing is deleted until it has gone on steadily for a day.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from ivr.core.files import write_durably

log = logging.getLogger(__name__)

DAY_S = 86_400.0


def advance(seen: float, steady_s: float, now: float) -> float:
    """Return for how long the clock has gone on steadily, in seconds.

    seen: the clock at the last note (seconds since 1970).  steady_s: what this function returned then.
    now: the clock (seconds since 1970).
    """
    moved = now - seen
    return steady_s + max(moved, 0.0) if abs(moved) <= DAY_S else 0.0


def may_purge(note: Path, now: float) -> bool:
    """Note the clock in the file ``note``, and return whether data may be deleted by it.

    now: the clock (seconds since 1970).  Without a readable note the clock is trusted.  Raises OSError.
    """
    seen, steady_s = _read(note, now)
    steady_s = advance(seen, steady_s, now)
    write_durably(note, json.dumps({"seen": now, "steady_s": steady_s}))
    if steady_s >= DAY_S:
        return True
    if steady_s == 0.0:
        log.error(
            "ALARM: the clock has moved by %.1f days: nothing is deleted until it has gone on steadily for a day;"
            " check the date of this machine",
            (now - seen) / DAY_S,
        )
    return False


def _read(note: Path, now: float) -> tuple[float, float]:
    """The clock and the steady time of the last note."""
    try:
        found = json.loads(note.read_text("utf-8"))
        return float(found["seen"]), float(found["steady_s"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return now, DAY_S
