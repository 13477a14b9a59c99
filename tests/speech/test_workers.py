"""Threads that take the most urgent work first."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from ivr.speech.workers import GivenUp, Workers, go_on


@pytest.fixture
def held() -> tuple[Workers, threading.Event]:
    """One worker, busy until the event is set."""
    workers, go = Workers(1, "test"), threading.Event()
    begun = threading.Event()

    def first() -> None:
        begun.set()
        go.wait()

    workers.submit(0, first)
    begun.wait()
    return workers, go


def test_the_lowest_rank_comes_first_and_of_one_rank_the_oldest(
    held: tuple[Workers, threading.Event],
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


def test_what_is_given_up_before_its_turn_is_not_done(held: tuple[Workers, threading.Event]) -> None:
    workers, go = held
    order: list[str] = []
    given_up, kept = (workers.submit(0, order.append, name) for name in ("given up", "kept"))
    assert given_up.cancel()
    go.set()
    kept.result(timeout=5)
    workers.close()
    assert order == ["kept"]


def test_work_that_is_given_up_ends_where_it_next_asks() -> None:
    workers = Workers(1, "test")
    begun, rounds = threading.Event(), 0

    def work() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            go_on()
            begun.set()

    job, kept = workers.submit(0, work), workers.submit(0, go_on)
    begun.wait()
    job.give_up()
    with pytest.raises(GivenUp):
        job.result(timeout=5)
    kept.result(timeout=5)  # another's is not
    workers.close()
    assert rounds > 1
    go_on()  # nor what is done in no worker


def test_work_lets_pass_what_is_more_urgent() -> None:
    workers = Workers(1, "test")
    begun, waits, order = threading.Event(), threading.Event(), []

    def slow() -> str:
        begun.set()
        waits.wait()
        go_on()
        order.append("slow")
        return "slow"

    job = workers.submit(1, slow)
    begun.wait()
    given = [(2, "again"), (1, "well"), (0, "first"), (0, "next first")]
    results = [workers.submit(rank, order.append, name) for rank, name in given]
    waits.set()
    assert job.result(timeout=5) == "slow"
    for result in results:
        result.result(timeout=5)
    workers.close()
    assert order == ["first", "next first", "slow", "well", "again"]


def test_who_waits_hears_of_a_failure() -> None:
    workers = Workers(1, "test")
    with pytest.raises(ZeroDivisionError):
        workers.submit(0, divmod, 1, 0).result(timeout=5)
    assert workers.submit(0, divmod, 7, 2).result(timeout=5) == (3, 1)
    workers.close()


def test_closing_leaves_nobody_waiting(held: tuple[Workers, threading.Event]) -> None:
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
