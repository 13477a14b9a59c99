"""Opening hours: a usual week, and the days that differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import Field

from ivr.content.callflow.fields import CalendarDay, Language, TimeSpan
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import Loc, ModelProblem, Severity, Strict

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class HoursException(Strict):
    """A day that differs.

    date: a date, or ``12-25`` for every year.
    open: spans of that day; empty: closed.
    reason: a sentence for callers in each language.
    """

    date: CalendarDay
    name: str = ""
    open: list[TimeSpan] = []
    reason: dict[Language, str] = {}


class Holidays(Strict):
    """The public holidays of ``country`` (ISO 3166; empty: none).  An exception for the same day prevails.

    open: spans of a holiday; empty: closed.
    reason: a sentence for callers in each language.
    """

    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    open: list[TimeSpan] = []
    reason: dict[Language, str] = {}

    def holiday(self, day: dt.date) -> str:
        """Return the name of the holiday on ``day``, or an empty string."""
        return _holidays(self.country, day.year).get(day, "") if self.country else ""


class Weekly(Strict):
    """The spans of each weekday in local time."""

    monday: list[TimeSpan]
    tuesday: list[TimeSpan]
    wednesday: list[TimeSpan]
    thursday: list[TimeSpan]
    friday: list[TimeSpan]
    saturday: list[TimeSpan]
    sunday: list[TimeSpan]

    def spans(self, weekday: int) -> list[TimeSpan]:
        """Return the spans of a weekday; Monday is 0."""
        return list(getattr(self, WEEKDAYS[weekday]))


class Hours(Strict):
    """The hours in which advisers answer."""

    timezone: str = "Europe/Paris"
    weekly: Weekly
    holidays: Holidays = Holidays()
    exceptions: list[HoursException] = []

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    def problems_at(self, loc: Loc) -> Iterator[ModelProblem]:
        """Yield contradictions between fields; ``loc``: the place of these hours in the file."""
        try:
            _ = self.zone
        except (ZoneInfoNotFoundError, ValueError):
            message = f"unknown time zone {self.timezone!r}"
            yield ModelProblem((*loc, "timezone"), message, "write for example Europe/Paris")
        if self.holidays.country and self.holidays.country not in holidays.list_supported_countries():
            message = f"no holidays of {self.holidays.country!r} are known"
            yield ModelProblem((*loc, "holidays", "country"), message, "write for example FR")
        yield from overlaps(self.holidays.open, (*loc, "holidays", "open"))
        yield from _partial(self.holidays.reason, (*loc, "holidays", "reason"))
        days: dict[dt.date | str, int] = {}
        for index, exception in enumerate(self.exceptions):
            if exception.date in days:
                yield ModelProblem(
                    (*loc, "exceptions", index), f"{exception.date} is there twice", "keep one of the two"
                )
            days[exception.date] = index
            yield from _partial(exception.reason, (*loc, "exceptions", index, "reason"))
            yield from overlaps(exception.open, (*loc, "exceptions", index, "open"))
        for number, name in enumerate(WEEKDAYS):
            yield from overlaps(self.weekly.spans(number), (*loc, "weekly", name))


def _partial(reason: Mapping[str, str], loc: Loc) -> Iterator[ModelProblem]:
    """Yield the languages in which a sentence is missing that is there in others."""
    for lang in LANGUAGES if any(reason.values()) else ():
        if not reason.get(lang, "").strip():
            message = f"the reason has no {lang}: these callers do not hear why"
            yield ModelProblem(loc, message, f"add a line '{lang}: ...'", Severity.WARNING)


@cache
def _holidays(country: str, year: int) -> Mapping[dt.date, str]:
    """The public holidays of a year, from the library holidays (MIT)."""
    return dict(holidays.country_holidays(country, years=year))


def minutes(span: str) -> tuple[int, int]:
    """Return start and end of a span in minutes from midnight; an end after midnight is above 1440."""
    start, end = ((int(clock[:-3]) * 60 + int(clock[-2:])) for clock in span.split("-"))
    return start, end if end > start else end + 1440


def overlaps(spans: list[str], loc: Loc) -> Iterator[ModelProblem]:
    """Yield the spans of a day that overlap; ``loc``: their place in the file."""
    last = -1
    for index, span in sorted(enumerate(spans), key=lambda item: minutes(item[1])):
        start, end = minutes(span)
        if start < last:
            yield ModelProblem(
                (*loc, index), f"{span} overlaps another span", "make the spans follow each other"
            )
        last = max(last, end)
