"""Windows for callbacks: inside the hours, soonest first, across closed days and changes of the clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.content.callflow import Hours, HoursException, Weekly
from ivr.content.callflow.callback_windows import CallbackWindow, following, offered
from ivr.content.callflow.opening import intervals

PARIS = ZoneInfo("Europe/Paris")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOUR, NOTICE = dt.timedelta(hours=1), dt.timedelta(minutes=20)


def hours(*spans: str, exceptions: list[HoursException] | None = None, **days: list[str]) -> Hours:
    weekly = Weekly(**{day: days.get(day, list(spans)) for day in DAYS})
    return Hours(weekly=weekly, exceptions=exceptions or [])


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=PARIS)


def shown(window: CallbackWindow) -> str:
    day = f"{window.start:%d}"
    return f"{day} {window.part}" if window.part else f"{day} {window.start:%H:%M}-{window.end:%H:%M}"


def windows(when: str, rules: Hours) -> list[str]:
    found = offered(lambda day: intervals(rules, day), at(when), notice=NOTICE, length=HOUR)
    return [shown(window) for window in found]


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("2026-11-24T10:00", ["24 11:00-12:00", "24 13:00-14:00", "25 morning"]),
        ("2026-11-24T15:30", ["24 16:00-17:00", "25 morning", "25 afternoon"]),
        ("2026-11-24T15:41", ["24 17:00-18:00", "25 morning", "25 afternoon"]),
        ("2026-11-24T17:10", ["25 morning", "25 afternoon", "26 morning"]),
        ("2026-11-24T22:30", ["25 morning", "25 afternoon", "26 morning"]),
        ("2026-11-24T03:00", ["24 09:00-10:00", "24 11:00-12:00", "25 morning"]),
        ("2026-12-31T22:00", ["01 morning", "01 afternoon", "02 morning"]),
        ("2028-02-28T22:00", ["29 morning", "29 afternoon", "01 morning"]),
    ],
)
def test_the_next_windows(when: str, found: list[str]) -> None:
    assert windows(when, hours("09:00-18:00")) == found


def test_two_spans_a_day_and_closed_days_between() -> None:
    rules = hours("10:00-12:00", "14:00-16:00", sunday=[], exceptions=[
        HoursException(date=dt.date(2026, 11, 23), open=["14:30-17:00"]),
    ])  # fmt: skip
    assert windows("2026-11-21T14:00", rules) == ["21 15:00-16:00", "23 afternoon", "24 morning"]


def test_an_office_that_never_opens_offers_nothing() -> None:
    assert windows("2026-11-24T10:00", hours()) == []
    assert following(lambda day: [], at("2026-11-24T10:00"), notice=NOTICE, length=HOUR) is None


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2028, 12, 31)))
def test_windows_lie_inside_the_hours_and_in_the_future(moment: dt.datetime) -> None:
    rules = hours("09:00-12:30", "13:30-18:00", sunday=[])
    now = moment.replace(tzinfo=PARIS)
    found = offered(lambda day: intervals(rules, day), now, notice=NOTICE, length=HOUR)
    assert len(found) == 3
    assert [window.start for window in found] == sorted(window.start for window in found)
    for window in found:
        assert now + NOTICE <= window.start < window.end
        spans = list(intervals(rules, window.start.date()))
        assert any(start <= window.start < end for start, end in spans)
        assert any(start < window.end <= end for start, end in spans)
