"""Confidence intervals against published values and against their nominal coverage."""

from __future__ import annotations

import random

import pytest

from ivr.evaluation.labels.confidence_intervals import ratio, wilson


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Newcombe: Two-sided confidence intervals for the single proportion, 1998, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_newcombes(hits: int, count: int, low: float, high: float) -> None:
    found = wilson(hits, count)
    assert found is not None and found.value == pytest.approx(hits / count)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


def test_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None and ratio([], [], []) is None and ratio([2], [0], ["c"]) is None


def test_the_bootstrap_holds_the_truth_as_often_as_it_says() -> None:
    """200 samples of 60 calls with a word error rate of 20 %: about 95 of 100 intervals contain it."""
    dice = random.Random(1)
    held = 0
    for _ in range(200):
        errors = [sum(dice.random() < 0.2 for _ in range(10)) for _ in range(60)]
        found = ratio(errors, [10] * 60, list(range(60)))
        assert found is not None
        held += found.low <= 0.2 <= found.high
    assert 180 <= held <= 199


def test_turns_of_one_call_do_not_count_as_many() -> None:
    """The same turns in calls of ten, all good or all bad, give a wider interval."""
    errors, words = [0, 10] * 50, [10] * 100
    alone, together = (
        ratio(errors, words, list(range(100))),
        ratio(sorted(errors), words, [n // 10 for n in range(100)]),
    )
    assert alone is not None and together is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)
