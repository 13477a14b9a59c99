"""Spans of time as people write them on the command line: ``90m``, ``12h``, ``7d``, ``2w``, ``2026-11-01``."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from ivr.core.errors import UsageError

_UNITS = {
    "m": dt.timedelta(minutes=1),
    "h": dt.timedelta(hours=1),
    "d": dt.timedelta(days=1),
    "w": dt.timedelta(weeks=1),
}


@dataclass(frozen=True)
class Timespan:
    """From ``start`` to before ``end``, both with a time zone."""

    start: dt.datetime
    end: dt.datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} ({self.end.tzinfo})"


def since(text: str, now: dt.datetime) -> Timespan:
    """The span until ``now`` that ``text``, the value of an option ``--since``, describes.

    ``text``: a number of minutes, hours, days or weeks, or a day, which counts from its beginning in the time zone of
    ``now``.  Raises UsageError when it is neither, or a day to come.
    """
    found = re.fullmatch(r"(\d+)([mhdw])", text)
    if found and int(found[1]):
        try:
            return Timespan(now - int(found[1]) * _UNITS[found[2]], now)
        except OverflowError:
            raise UsageError(f"--since {text}: before all times") from None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text}: write 90m, 12h, 7d, 2w or a day such as 2026-11-01") from None
    start = dt.datetime.combine(day, dt.time(), now.tzinfo)
    if start >= now:
        raise UsageError(f"--since {text}: that day is still to come")
    return Timespan(start, now)
