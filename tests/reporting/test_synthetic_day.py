"""The simulated day against what queueing theory expects, and the same figures by another way of counting."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby

import pytest

from ivr.core import events
from ivr.core.events import Stamped
from ivr.reporting.call_facts import CallFacts, calls_of
from ivr.reporting.kpis import Kpis
from ivr.reporting.synthetic_day import SyntheticDay, SyntheticWait, draw, serve, simulate
from tests.reporting.erlang import erlang_a, erlang_c, erlang_c_within

FOR_EVER = 1e9


def counted(made: Sequence[Stamped]) -> list[CallFacts]:
    ordered = sorted(made, key=lambda item: (item.call_id, item.seq))
    return calls_of((name, list(group)) for name, group in groupby(ordered, key=lambda item: item.call_id))


def long_day(patience_s: float) -> list[SyntheticWait]:
    """40,000 callers in one steady hour after the other: 5 advisers, 4 erlang."""
    hours = 40_000 / 80.0
    day = SyntheticDay(
        0.0,
        40_000.0,
        advisers=5,
        profile=(1.0,) * int(hours),
        wants_person=1.0,
        patience_s=patience_s,
        limit_s=FOR_EVER,
    )
    return list(serve(day, draw(day, random.Random(7))).values())


def test_erlang_c_is_the_textbooks() -> None:
    """20 erlang on 24 advisers: Koole, Call Center Optimization, 2013, and any Erlang C table."""
    assert erlang_c(20.0, 24) == pytest.approx(0.2981, abs=0.0005)
    assert erlang_c(0.5, 1) == pytest.approx(0.5), "one adviser: the share of busy time"
    with pytest.raises(ValueError, match="cannot carry"):
        erlang_c(5.0, 5)


def test_erlang_a_with_endless_patience_is_erlang_c() -> None:
    assert erlang_a(4 / 180, 180.0, 1e7, 5).waits == pytest.approx(erlang_c(4.0, 5), rel=1e-3)


def test_without_impatience_the_day_waits_as_erlang_c_says() -> None:
    waits = [one.waited_s for one in long_day(FOR_EVER)]
    assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(erlang_c(4.0, 5), abs=0.03)
    within = sum(wait <= 30 for wait in waits) / len(waits)
    assert within == pytest.approx(erlang_c_within(4.0, 5, 180.0, 30.0), abs=0.03)


def test_with_impatience_the_day_gives_up_as_erlang_a_says() -> None:
    waits, theory = long_day(90.0), erlang_a(4 / 180, 180.0, 90.0, 5)
    assert sum(one.adviser == 0 for one in waits) / len(waits) == pytest.approx(theory.gives_up, abs=0.01)
    mean = sum(one.waited_s for one in waits) / len(waits)
    assert mean == pytest.approx(theory.mean_wait_s, rel=0.1)


def test_the_report_counts_the_day_as_the_draw_did() -> None:
    day = SyntheticDay(1_795_420_800.0, 600.0, advisers=2)
    callers = draw(day, random.Random(3))
    waits, found = serve(day, callers), Kpis.of(counted(simulate(day, 3)))
    assert found.calls == len(callers) and found.asked == len(waits)
    assert found.answered == sum(one.adviser > 0 for one in waits.values())
    assert found.in_time == sum(one.adviser > 0 and round(one.waited_s, 1) <= 30 for one in waits.values())
    assert found.ended["timeout"] == sum(not one.adviser and one.waited_s >= 120 for one in waits.values())
    assert found.service_level is not None and 0.3 < found.service_level < 0.99


def test_no_adviser_talks_to_two_callers_and_nobody_is_overtaken() -> None:
    day = SyntheticDay(0.0, 900.0, advisers=2)
    callers = draw(day, random.Random(5))
    waits = serve(day, callers)
    served = [
        (one.asks + waits[one.id].waited_s, one)
        for one in callers
        if one.id in waits and waits[one.id].adviser
    ]
    assert [one.id for _, one in sorted(served, key=lambda pair: pair[1].asks)] == [one.id for _, one in sorted(
        served, key=lambda pair: (pair[0], pair[1].asks))]  # fmt: skip
    busy_until = {1: 0.0, 2: 0.0}
    for start, one in sorted(served, key=lambda pair: pair[0]):
        adviser = waits[one.id].adviser
        assert start >= busy_until[adviser] - 1e-6
        busy_until[adviser] = start + one.talk_s


def test_the_same_seed_is_the_same_day() -> None:
    day = SyntheticDay(0.0, 50.0)
    assert simulate(day, 1) == simulate(day, 1) != simulate(day, 2)
    assert all(isinstance(events.from_json(events.to_json(item)), Stamped) for item in simulate(day, 1))
