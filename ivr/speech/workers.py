"""Threads that take the most urgent work first, and stop at what nobody waits for any more."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
_mine = threading.local()  # ``job``: what this thread is at


class GivenUp(Exception):
    """Nobody waits for this work any more."""


class Job(Future[T]):
    """Work's result to come."""

    def __init__(self, workers: Workers, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self._workers = workers
        self._unwanted = False

    def give_up(self) -> None:
        """Nobody waits for it: it is not begun, or ends where it next asks (``go_on``)."""
        self._unwanted = True
        self.cancel()

    def go_on(self) -> None:
        """As below, for this job."""
        if self._unwanted:
            raise GivenUp
        self._workers.let_pass(self.rank)


def go_on() -> None:
    """For work to ask now and then, in its thread: what is more urgent and waits is done before it returns.

    Raises GivenUp where nobody waits for the work any more.
    """
    job: Job[Any] | None = getattr(_mine, "job", None)
    if job is not None:
        job.go_on()


class Workers:
    """``count`` threads; of what waits, the lowest rank is done first, and of one rank the oldest."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._waiting: queue.PriorityQueue[tuple[int, int, Job[Any], Callable[[], Any]]] = (
            queue.PriorityQueue()
        )
        self._number = itertools.count()

    def submit(self, rank: int, work: Callable[..., T], *given: Any) -> Job[T]:
        """Its result to come; work that is cancelled before its turn is not done."""
        job: Job[T] = Job(self, rank)
        self._waiting.put((rank, next(self._number), job, partial(work, *given)))
        self._threads.submit(self._most_urgent)
        return job

    def close(self) -> None:
        """Waits for what is being done and cancels the rest."""
        self._threads.shutdown(cancel_futures=True)
        while not self._waiting.empty():
            self._waiting.get_nowait()[2].cancel()

    def let_pass(self, rank: int) -> None:
        """Do what waits and is more urgent than ``rank``, here and now: all threads may be at what is less so."""
        mine = _mine.job
        try:
            while self._most_urgent(rank):
                pass
        finally:
            _mine.job = mine

    def _most_urgent(self, below: int | None = None) -> bool:
        """Do the most urgent that waits, if its rank is ``below`` this one; False where nothing is."""
        try:
            waiting = self._waiting.get_nowait()
        except queue.Empty:  # another thread let it pass
            return False
        rank, _, job, work = waiting
        if below is not None and rank >= below:
            self._waiting.put(waiting)
            return False
        if not job.set_running_or_notify_cancel():
            return True
        _mine.job = job
        try:
            job.set_result(work())
        except Exception as error:  # noqa: BLE001  # whoever waits for the result gets it
            job.set_exception(error)
        finally:
            _mine.job = None
        return True
