"""How far back ``--since`` reaches: minutes, hours, days and weeks, or the beginning of a day."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from ivr.core import timespan
from ivr.core.errors import UsageError

NOW = dt.datetime(2026, 11, 23, 15, 30, tzinfo=ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize(
    ("since", "wanted"), [("90m", 5400), ("36h", 129600), ("7d", 604800), ("2w", 1209600)]
)
def test_a_number_of_minutes_hours_days_or_weeks(since: str, wanted: float) -> None:
    span = timespan.since(since, NOW)
    assert (span.end, (span.end - span.start).total_seconds()) == (NOW, wanted)


def test_a_day_counts_from_its_beginning_in_the_zone_of_the_office() -> None:
    span = timespan.since("2026-11-01", NOW)
    assert span.start.isoformat() == "2026-11-01T00:00:00+01:00" and span.end == NOW


@pytest.mark.parametrize(
    "since", ["", "7", "d", "7 d", "-1d", "7y", "0d", "0m", "2026-13-01", "2999-01-01", "99999999w"]
)
def test_what_is_no_span_is_refused(since: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        timespan.since(since, NOW)
