"""Threads that take the most urgent work first."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from ivr.speech.priority_pool import PriorityPool


@pytest.fixture
def held() -> tuple[PriorityPool, threading.Event]:
    """One worker, busy until the event is set."""
    workers, go = PriorityPool(1, "test"), threading.Event()
    begun = threading.Event()

    def first() -> None:
        begun.set()
        go.wait()

    workers.submit(0, first)
    begun.wait()
    return workers, go


def test_the_lowest_rank_comes_first_and_of_one_rank_the_oldest(
    held: tuple[PriorityPool, threading.Event],
) -> None:
    workers, go = held
    order: list[str] = []
    given = [(2, "again"), (0, "first"), (1, "well"), (0, "next first"), (2, "next again")]
    results = [workers.submit(rank, order.append, name) for rank, name in given]
    go.set()
    for result in results:
        result.result(timeout=5)
    workers.close()
    assert order == ["first", "next first", "well", "again", "next again"]


def test_what_is_given_up_before_its_turn_is_not_done(held: tuple[PriorityPool, threading.Event]) -> None:
    workers, go = held
    order: list[str] = []
    given_up, kept = (workers.submit(0, order.append, name) for name in ("given up", "kept"))
    assert given_up.cancel()
    go.set()
    kept.result(timeout=5)
    workers.close()
    assert order == ["kept"]


def test_who_waits_hears_of_a_failure() -> None:
    workers = PriorityPool(1, "test")
    with pytest.raises(ZeroDivisionError):
        workers.submit(0, divmod, 1, 0).result(timeout=5)
    assert workers.submit(0, divmod, 7, 2).result(timeout=5) == (3, 1)
    workers.close()


def test_closing_leaves_nobody_waiting(held: tuple[PriorityPool, threading.Event]) -> None:
    workers, go = held
    waiting = workers.submit(0, divmod, 1, 1)
    closing = threading.Thread(target=workers.close)
    closing.start()
    with pytest.raises(RuntimeError, match="shutdown"):
        while True:
            workers.submit(0, divmod, 1, 1)
    go.set()
    closing.join(timeout=5)
    with pytest.raises(CancelledError):
        waiting.result(timeout=5)
