"""Figures of calls made by hand, so that each can be checked by counting."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.reporting.call_facts import CallFacts, ContactKind, Request
from ivr.reporting.kpis import Kpis, by_hour, by_language, rank

PARIS = ZoneInfo("Europe/Paris")
TEN = 1_795_424_400.0  # 23 November 2026, 10:00 in Paris


def wish(ended: str, waited_s: float, lang: str = "fr", at: float = TEN) -> CallFacts:
    return CallFacts("c", at, lang, ContactKind.PERSON, (Request("asked", ended, waited_s),))


def served(lang: str = "fr", at: float = TEN, *answers_s: float) -> CallFacts:
    return CallFacts("c", at, lang, ContactKind.CONTAINED, answers_s=answers_s)


CALLS = [
    wish("answered", 10.0), wish("answered", 30.0), wish("answered", 30.1), wish("answered", 95.0, "en"),
    wish("hang-up", 3.0), wish("hang-up", 5.0, "en"), wish("hang-up", 5.1), wish("timeout", 120.0),
    wish("empty", 0.0), wish("callback", 20.0),
    served("fr", TEN, 0.7, 0.9), served("de", TEN + 3600.0, 1.4),
    CallFacts("c", TEN, "", ContactKind.LEFT), CallFacts("c", TEN, "it", ContactKind.MESSAGE, messages=1),
    CallFacts("c", TEN, "it", ContactKind.FAILED, messages=1, callbacks=1),
]  # fmt: skip


def test_every_figure() -> None:
    found = Kpis.of(CALLS)
    assert found.calls == 15 and found.asked == 10 and found.answered == 4
    assert found.service_level == pytest.approx(2 / 10), "10 s and 30 s of ten"
    assert found.service_level_staffed == pytest.approx(2 / 7), (
        "without two who left within 5 s and one empty desk"
    )
    assert found.answer_rate == pytest.approx(4 / 10)
    assert found.abandonment == pytest.approx(3 / 10)
    assert found.containment == pytest.approx(2 / 15)
    assert (found.messages, found.callbacks, found.short) == (2, 1, 2)
    row = found.row()
    assert (row["wait_p50_s"], row["wait_p95_s"], row["gave_up_p50_s"]) == (30.0, 95.0, 5.0)
    assert (row["mouth_to_ear_p50_s"], row["mouth_to_ear_p95_s"]) == (0.9, 1.4)


def test_of_nothing_there_are_no_shares() -> None:
    found = Kpis.of([])
    shares = (found.service_level, found.answer_rate, found.abandonment, found.containment)
    assert shares == (None,) * 4 and found.row()["wait_p95_s"] is None


def test_groups_by_language_and_local_hour() -> None:
    assert [row.group for row in by_language(CALLS)] == ["de", "en", "fr", "it", "none"]
    assert [(row.group, row.calls) for row in by_hour(CALLS, PARIS)] == [("10", 14), ("11", 1)]


@given(st.lists(st.sampled_from(CALLS)))
def test_parts_add_up_to_the_whole(calls: list[CallFacts]) -> None:
    total = Kpis.of(calls)
    for parts in (by_language(calls), by_hour(calls, PARIS)):
        assert sum(part.calls for part in parts) == total.calls == total.kinds.total()
        assert sum(part.in_time for part in parts) == total.in_time
        assert sum(part.asked for part in parts) == total.asked == total.ended.total()


@pytest.mark.parametrize(
    ("count", "part", "expected"),
    [(1, 0.95, 1), (2, 0.5, 1), (20, 0.95, 19), (21, 0.95, 20), (100, 0.95, 95)],
)
def test_percentiles_are_one_of_the_values(count: int, part: float, expected: int) -> None:
    assert rank(range(count, 0, -1), part) == expected
