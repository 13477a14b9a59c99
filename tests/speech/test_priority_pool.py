"""A thread pool runs the most urgent job first."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from ivr.speech.priority_pool import PriorityPool


@pytest.fixture
def held() -> tuple[PriorityPool, threading.Event]:
    """A pool of one thread, which is busy until the event is set."""
    pool, go = PriorityPool(1, "test"), threading.Event()
    started = threading.Event()

    def first() -> None:
        started.set()
        go.wait()

    pool.submit(0, first)
    started.wait()
    return pool, go


def test_the_lowest_rank_comes_first_and_of_one_rank_the_oldest(
    held: tuple[PriorityPool, threading.Event],
) -> None:
    pool, go = held
    order: list[str] = []
    jobs = [(2, "again"), (0, "first"), (1, "well"), (0, "next first"), (2, "next again")]
    results = [pool.submit(rank, order.append, name) for rank, name in jobs]
    go.set()
    for result in results:
        result.result(timeout=5)
    pool.close()
    assert order == ["first", "next first", "well", "again", "next again"]


def test_a_job_cancelled_before_its_turn_does_not_run(held: tuple[PriorityPool, threading.Event]) -> None:
    pool, go = held
    order: list[str] = []
    cancelled, kept = (pool.submit(0, order.append, name) for name in ("cancelled", "kept"))
    assert cancelled.cancel()
    go.set()
    kept.result(timeout=5)
    pool.close()
    assert order == ["kept"]


def test_the_future_raises_the_exception_of_the_job() -> None:
    pool = PriorityPool(1, "test")
    with pytest.raises(ZeroDivisionError):
        pool.submit(0, divmod, 1, 0).result(timeout=5)
    assert pool.submit(0, divmod, 7, 2).result(timeout=5) == (3, 1)
    pool.close()


def test_closing_cancels_waiting_jobs(held: tuple[PriorityPool, threading.Event]) -> None:
    pool, go = held
    waiting = pool.submit(0, divmod, 1, 1)
    closing = threading.Thread(target=pool.close)
    closing.start()
    with pytest.raises(RuntimeError, match="shutdown"):
        while True:
            pool.submit(0, divmod, 1, 1)
    go.set()
    closing.join(timeout=5)
    with pytest.raises(CancelledError):
        waiting.result(timeout=5)
