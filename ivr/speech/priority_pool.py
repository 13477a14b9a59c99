"""A thread pool with priorities."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class PriorityPool:
    """``count`` threads, named after ``name``.  The lowest rank runs first; within a rank, the oldest job."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._waiting: queue.PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = (
            queue.PriorityQueue()
        )
        self._number = itertools.count()

    def submit(self, rank: int, work: Callable[..., T], *args: Any) -> Future[T]:
        """Queue ``work(*args)`` and return the future of its result or exception.

        rank: the priority; lower ranks run first.  A future that is cancelled before its turn does not run.
        Raises RuntimeError after ``close``.
        """
        future: Future[T] = Future()
        self._waiting.put((rank, next(self._number), future, partial(work, *args)))
        self._threads.submit(self._run_next)
        return future

    def close(self) -> None:
        """Wait for the running jobs and cancel the queued ones."""
        self._threads.shutdown(cancel_futures=True)
        while not self._waiting.empty():
            self._waiting.get_nowait()[2].cancel()

    def _run_next(self) -> None:
        _, _, future, work = self._waiting.get_nowait()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001  # the future hands it to the waiting code
            future.set_exception(error)
