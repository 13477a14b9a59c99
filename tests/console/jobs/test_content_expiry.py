"""The daily log lines about expiring answers."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from ivr.console.jobs.content_expiry import ContentExpiry, lines, pause
from ivr.content.faq import AHEAD, load_faq
from tests.conftest import ROOT

FAQ = load_faq(ROOT)
_UNTIL = FAQ.entry("louvre.price").valid_until
assert isinstance(_UNTIL, dt.date)
LAST: dt.date = _UNTIL


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (LAST - AHEAD - dt.timedelta(days=1), ""),
        (LAST - AHEAD, f"louvre.price may be spoken only until {LAST}"),
        (LAST, f"louvre.price may be spoken only until {LAST}"),
        (LAST + dt.timedelta(days=1), f"louvre.price may no longer be spoken since {LAST}"),
    ],
)
def test_an_answer_is_named_from_30_days_before_its_last_day(today: dt.date, expected: str) -> None:
    named = [line for line in lines(FAQ, today) if line.startswith("louvre.price ")]
    assert [line.partition(":")[0] for line in named] == ([expected] if expected else [])


def test_the_most_urgent_comes_first() -> None:
    days = [last for last, _ in FAQ.expiring(dt.date(2027, 12, 31))]
    assert len(days) > 10 and days == sorted(days)


@pytest.mark.parametrize(("now", "hours"), [("05:00", 1), ("06:00", 24), ("18:00", 12)])
def test_they_come_every_morning(now: str, hours: int) -> None:
    assert pause(dt.datetime.fromisoformat(f"2026-11-24T{now}+01:00")) == hours * 3600


@dataclass
class Clock:
    """The part of the console's context that the job uses: the content, and a clock in virtual time."""

    settings: SimpleNamespace

    def now(self) -> dt.datetime:
        since = dt.timedelta(seconds=asyncio.get_running_loop().time())
        return dt.datetime.combine(LAST, dt.time(5), dt.UTC) + since


@pytest.mark.virtual_time
async def test_the_service_says_it_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    job = asyncio.create_task(ContentExpiry(Clock(SimpleNamespace(root=ROOT))).run())  # type: ignore[arg-type]
    await asyncio.sleep(2.5 * 86400)
    job.cancel()
    logged = [record.message for record in caplog.records if record.message.startswith("louvre.price ")]
    assert len(logged) == 4  # at the start, then at six on three mornings
    assert "only until" in logged[0] and "no longer" in logged[-1]
