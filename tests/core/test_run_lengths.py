"""Pairs of numbers as events hold them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core.run_lengths import read_counts, read_runs, write_counts, write_runs

NUMBERS = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3, 4, 5, 9], "3+3,9+1"), ([0], "0+1"), ([0, 1, 2], "0+3")]
)
def test_numbers_that_follow_each_other_are_one_run(numbers: list[int], text: str) -> None:
    assert write_runs(numbers) == text and read_runs(text) == frozenset(numbers)


@given(st.sets(NUMBERS))
def test_runs_are_read_as_they_were_written(numbers: set[int]) -> None:
    assert read_runs(write_runs(sorted(numbers))) == numbers


@given(st.dictionaries(NUMBERS, NUMBERS))
def test_counts_are_read_as_they_were_written(counts: dict[int, int]) -> None:
    assert read_counts(write_counts(counts)) == counts and list(read_counts(write_counts(counts))) == list(
        counts
    )


@pytest.mark.parametrize("text", ["3", "3+", "a+1", "3+1;4+1"])
def test_another_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        read_runs(text)
