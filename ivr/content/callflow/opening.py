"""Whether the office is open.  Pure; the time is an argument.

Spans are written in local time and compared in UTC, so that days on which the clocks change have their true length.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from ivr.content.callflow import Callflow, Hours, HoursException, minutes

Interval = tuple[dt.datetime, dt.datetime]
"""Start and end (excluded), in UTC."""


def open_at(callflow: Callflow, moment: dt.datetime) -> bool:
    """Return whether advisers answer at ``moment``, an aware time."""
    return within(callflow.hours, moment)


def within(hours: Hours | None, moment: dt.datetime) -> bool:
    """Return whether ``moment``, an aware time, lies in ``hours``; without hours always True."""
    if hours is None:
        return True
    instant = moment.astimezone(dt.UTC)
    day = moment.astimezone(hours.zone).date()
    near = (day - dt.timedelta(days=1), day)  # yesterday's span may cross midnight
    return any(start <= instant < end for near_day in near for start, end in intervals(hours, near_day))


def open_seconds(hours: Hours, start: dt.datetime, end: dt.datetime) -> float:
    """Return for how many seconds the office was open between two aware times."""
    first, last = (moment.astimezone(hours.zone).date() for moment in (start, end))
    total, day = 0.0, first - dt.timedelta(days=1)  # the span of the day before may cross midnight
    while day <= last:
        for begun, ended in intervals(hours, day):
            total += max(0.0, (min(ended, end) - max(begun, start)).total_seconds())
        day += dt.timedelta(days=1)
    return total


def reason(hours: Hours, moment: dt.datetime, lang: str) -> str:
    """Return why the day of ``moment`` differs, as a sentence in ``lang``; empty on an ordinary day."""
    day = moment.astimezone(hours.zone).date()
    exception = _exception(hours, day)
    if exception is not None:
        return exception.reason.get(lang, "")
    return hours.holidays.reason.get(lang, "") if hours.holidays.holiday(day) else ""


def intervals(hours: Hours, day: dt.date) -> Iterator[Interval]:
    """Yield the spans that begin on ``day``, in UTC."""
    for span in spans(hours, day):
        start, end = minutes(span)
        yield _instant(hours, day, start), _instant(hours, day, end)


def spans(hours: Hours, day: dt.date) -> list[str]:
    """Return the spans of a day as written.

    An exception with a full date prevails over a yearly one, that over a holiday, and that over the weekday.
    """
    exception = _exception(hours, day)
    if exception is not None:
        return list(exception.open)
    if hours.holidays.holiday(day):
        return list(hours.holidays.open)
    return hours.weekly.spans(day.weekday())


def _exception(hours: Hours, day: dt.date) -> HoursException | None:
    for wanted in (day, f"{day:%m-%d}"):
        for exception in hours.exceptions:
            if exception.date == wanted:
                return exception
    return None


def _instant(hours: Hours, day: dt.date, minute: int) -> dt.datetime:
    days, rest = divmod(minute, 1440)
    clock = dt.time(rest // 60, rest % 60)
    return dt.datetime.combine(day + dt.timedelta(days=days), clock, hours.zone).astimezone(dt.UTC)
