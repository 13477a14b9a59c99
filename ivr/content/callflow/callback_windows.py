"""Windows for callbacks within the opening hours.  Pure; the time is an argument."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

Interval = tuple[dt.datetime, dt.datetime]
"""Start and end (excluded) of a span of opening hours, in UTC."""
OpenOn = Callable[[dt.date], Iterable[Interval]]
"""Returns the spans that begin on a day."""
NOON = dt.time(13)
"""A window before this time is called morning."""
DAYS_AHEAD = 14
"""How many days are searched for a window."""
DayPart = Literal["", "morning", "afternoon"]


@dataclass(frozen=True)
class CallbackWindow:
    """From ``start`` to ``end``, aware times in the office's zone.

    part: morning or afternoon; empty for a window that is announced by its hours.
    """

    start: dt.datetime
    end: dt.datetime
    part: DayPart = ""


def offered(
    open_on: OpenOn, now: dt.datetime, *, notice: dt.timedelta, length: dt.timedelta, count: int = 3
) -> list[CallbackWindow]:
    """Return the next ``count`` windows: first those of today, then mornings and afternoons of later days.

    open_on: the opening hours.
    now: the time in the office's zone.
    notice: the shortest time from now to the first window.
    length: of a window of today.
    """
    today = _of_today(open_on, now, now + notice, length)
    following = (now.date() + dt.timedelta(days=ahead) for ahead in range(1, DAYS_AHEAD + 1))
    halves = (half for day in following for half in _halves(open_on, day, now.tzinfo))
    return list(islice(chain(today, halves), count))


def following(
    open_on: OpenOn, now: dt.datetime, *, notice: dt.timedelta, length: dt.timedelta
) -> CallbackWindow | None:
    """Return the next window, or None; arguments as in ``offered``."""
    return next(iter(offered(open_on, now, notice=notice, length=length, count=1)), None)


def _of_today(
    open_on: OpenOn, now: dt.datetime, earliest: dt.datetime, length: dt.timedelta
) -> list[CallbackWindow]:
    """The next whole window of today, and another one two windows later if there is time."""
    found: list[CallbackWindow] = []
    for start, end in _local(open_on, now.date(), now.tzinfo):
        begin = _whole_hour(max(start, earliest))
        while begin + length <= end and len(found) < 2:
            found.append(CallbackWindow(begin, begin + length))
            begin += 2 * length
    return found


def _halves(open_on: OpenOn, day: dt.date, zone: dt.tzinfo | None) -> Iterator[CallbackWindow]:
    """The morning and the afternoon of a day, as far as the office is open."""
    spans = _local(open_on, day, zone)
    noon = dt.datetime.combine(day, NOON, zone)
    mornings = [(start, min(end, noon)) for start, end in spans if start < noon]
    afternoons = [(max(start, noon), end) for start, end in spans if end > noon]
    if mornings:
        yield CallbackWindow(mornings[0][0], mornings[-1][1], "morning")
    if afternoons:
        yield CallbackWindow(afternoons[0][0], afternoons[-1][1], "afternoon")


def _local(open_on: OpenOn, day: dt.date, zone: dt.tzinfo | None) -> list[Interval]:
    return sorted((start.astimezone(zone), end.astimezone(zone)) for start, end in open_on(day))


def _whole_hour(moment: dt.datetime) -> dt.datetime:
    down = moment.replace(minute=0, second=0, microsecond=0)
    return down if down == moment else down + dt.timedelta(hours=1)
