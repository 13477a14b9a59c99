"""Opening hours: clock changes, midnight, leap days, exceptions."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from ivr.call.dialogue.handoff import fallback_phones
from ivr.content.callflow import (
    Callflow,
    GateSettings,
    Holidays,
    Hours,
    HoursException,
    LanguageEntry,
    Spare,
    Weekly,
)
from ivr.content.callflow.opening import open_at, open_seconds, reason, within

PARIS = ZoneInfo("Europe/Paris")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def flow(spans: list[str], exceptions: list[HoursException] | None = None, **days: list[str]) -> Callflow:
    weekly = Weekly(**{day: days.get(day, spans) for day in DAYS})
    return Callflow(
        languages={"fr": LanguageEntry(key="1")},
        silent_languages=["fr"],
        hours=Hours(weekly=weekly, exceptions=exceptions or []),
        gate=GateSettings(answer=0.6, confirm=0.3, margin=0.1, control=0.4),
    )


def paris(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=PARIS)


OFFICE = flow(["09:00-18:00"])


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [("2026-11-23T08:59:59", False), ("2026-11-23T09:00", True), ("2026-11-23T17:59:59", True),
     ("2026-11-23T18:00", False), ("2026-07-14T12:00", True), ("2028-02-29T12:00", True)],
)  # fmt: skip
def test_the_edges_of_a_span(moment: str, is_open: bool) -> None:
    assert open_at(OFFICE, paris(moment)) is is_open


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-03-28T08:30+00:00", True),  # Saturday, winter time: 9:30 in Paris
        ("2026-03-29T07:00+00:00", True),  # Sunday, the clocks went forward: 9:00
        ("2026-03-29T06:59+00:00", False),
        ("2026-10-25T07:30+00:00", False),  # the clocks went back: 8:30
        ("2026-10-25T08:00+00:00", True),
    ],
)
def test_wall_clock_time_holds_when_the_clocks_change(utc: str, is_open: bool) -> None:
    assert open_at(OFFICE, dt.datetime.fromisoformat(utc)) is is_open


def test_a_night_span_is_as_long_as_the_night_is() -> None:
    night = flow(["22:00-04:00"])
    opened = paris("2026-10-24T22:00").astimezone(dt.UTC)  # the clocks go back that night: seven hours
    assert open_at(night, opened + dt.timedelta(hours=6, minutes=59))
    assert not open_at(night, opened + dt.timedelta(hours=7))


def test_a_span_over_midnight_belongs_to_its_evening() -> None:
    late = flow([], friday=["20:00-02:00"])
    assert open_at(late, paris("2026-11-28T01:59"))  # Saturday morning
    assert not open_at(late, paris("2026-11-28T02:00"))
    assert not open_at(late, paris("2026-11-27T01:00"))
    assert not open_at(late, paris("2026-12-04T19:59")) and open_at(late, paris("2026-12-04T20:00"))


def test_round_the_clock_has_no_gap_at_midnight() -> None:
    always = flow(["00:00-24:00"])
    assert open_at(always, paris("2026-11-23T00:00")) and open_at(always, paris("2026-11-23T23:59:59"))


def test_a_leap_day_exception_comes_back_in_leap_years_only() -> None:
    leap = flow(["09:00-18:00"], [HoursException(date="02-29", open=[])])
    assert not open_at(leap, paris("2028-02-29T12:00"))
    assert open_at(leap, paris("2027-02-28T12:00")) and open_at(leap, paris("2027-03-01T12:00"))
    assert not open_at(leap, paris("2028-02-29T09:00")) and open_at(leap, paris("2028-03-01T09:00"))


def test_a_full_date_beats_a_yearly_one_beats_the_weekday() -> None:
    exceptions = [
        HoursException(date="12-25", open=[]),
        HoursException(date=dt.date(2026, 12, 25), open=["10:00-12:00"]),
    ]
    christmas = flow(["09:00-18:00"], exceptions)
    assert open_at(christmas, paris("2026-12-25T11:00")) and not open_at(christmas, paris("2026-12-25T12:00"))
    assert not open_at(christmas, paris("2027-12-25T11:00"))


@pytest.mark.parametrize(
    ("spans", "start", "end", "hours"),
    [
        (["09:00-18:00"], "2026-11-23T17:00", "2026-11-24T10:30", 2.5),
        (["09:00-18:00"], "2026-11-23T18:00", "2026-11-24T09:00", 0.0),
        (["09:00-18:00"], "2026-11-23T10:00", "2026-11-23T10:00", 0.0),
        (["09:00-12:00", "14:00-18:00"], "2026-11-23T00:00", "2026-11-25T00:00", 14.0),
        (["22:00-04:00"], "2026-11-24T01:00", "2026-11-24T23:00", 4.0),
        (["00:00-24:00"], "2026-10-25T00:00", "2026-10-26T00:00", 25.0),
        (["00:00-24:00"], "2027-03-28T00:00", "2027-03-29T00:00", 23.0),
        ([], "2026-11-23T00:00", "2027-11-23T00:00", 0.0),
    ],
)
def test_hours_in_which_the_office_was_open(spans: list[str], start: str, end: str, hours: float) -> None:
    assert open_seconds(flow(spans).hours, paris(start), paris(end)) == hours * 3600


# public holidays

CLOSED_ON_HOLIDAYS = Hours(
    weekly=OFFICE.hours.weekly,
    holidays=Holidays(
        country="FR", reason={"fr": "C'est un jour férié.", "en": "Today is a public holiday."}
    ),
    exceptions=[
        HoursException(date="07-14", open=["10:00-12:00"], reason={"fr": "C'est la fête nationale."}),
        HoursException(date=dt.date(2027, 1, 1), open=["09:00-18:00"]),
    ],
)


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2026-05-01", False),
        ("2026-05-14", False),  # Ascension: moves with Easter
        ("2026-05-25", False),  # Whit Monday
        ("2026-12-25", False),
        ("2026-12-26", True),  # a holiday in Alsace alone
        ("2027-01-01", True),  # an exception comes first
        ("2028-02-29", True),
    ],
)
def test_closed_on_the_public_holidays_of_france(day: str, is_open: bool) -> None:
    assert within(CLOSED_ON_HOLIDAYS, paris(f"{day}T15:00")) is is_open


def test_an_exception_on_a_holiday_has_its_own_hours_and_its_own_reason() -> None:
    assert within(CLOSED_ON_HOLIDAYS, paris("2026-07-14T11:00"))
    assert not within(CLOSED_ON_HOLIDAYS, paris("2026-07-14T15:00"))
    assert reason(CLOSED_ON_HOLIDAYS, paris("2026-07-14T15:00"), "fr") == "C'est la fête nationale."
    assert reason(CLOSED_ON_HOLIDAYS, paris("2026-07-14T15:00"), "en") == ""


def test_a_holiday_lasts_from_midnight_to_midnight_in_paris() -> None:
    for moment, told in (
        ("2026-12-24T22:59:59+00:00", ""), ("2026-12-24T23:00+00:00", "Today is a public holiday."),
        ("2026-12-25T22:59:59+00:00", "Today is a public holiday."), ("2026-12-25T23:00+00:00", ""),
    ):  # fmt: skip
        assert reason(CLOSED_ON_HOLIDAYS, dt.datetime.fromisoformat(moment), "en") == told, moment


def test_other_hours_on_holidays() -> None:
    short = Hours(weekly=OFFICE.hours.weekly, holidays=Holidays(country="FR", open=["10:00-13:00"]))
    assert within(short, paris("2026-05-01T12:00")) and not within(short, paris("2026-05-01T15:00"))


def test_no_hours_are_always_and_spare_telephones_have_their_own() -> None:
    night = Hours(weekly=Weekly(**dict.fromkeys(DAYS, ["18:00-22:00"])))
    both = OFFICE.model_copy(
        update={"on_call": Spare(endpoint="mobile", hours=night), "overflow": Spare(endpoint="centre")}
    )
    assert fallback_phones(both, paris("2026-11-24T21:59")) == ("oncall", "overflow")
    assert fallback_phones(both, paris("2026-11-24T22:00")) == ("overflow",)
    assert fallback_phones(OFFICE, paris("2026-11-24T21:00")) == ()


def test_a_reason_that_some_callers_do_not_hear_is_a_warning() -> None:
    hours = CLOSED_ON_HOLIDAYS
    found = {(problem.loc, problem.message.split(":")[0]) for problem in hours.problems_at(("hours",))}
    missing = {(("hours", "holidays", "reason"), f"the reason has no {lang}") for lang in ("es", "de", "it")}
    assert missing <= found
    assert not list(Hours(weekly=hours.weekly).problems_at(("hours",)))
