"""Threads that take the most urgent work first."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class PriorityPool:
    """``count`` threads; of what waits, the lowest rank is done first, and of one rank the oldest."""

    def __init__(self, count: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._waiting: queue.PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = (
            queue.PriorityQueue()
        )
        self._number = itertools.count()

    def submit(self, rank: int, work: Callable[..., T], *given: Any) -> Future[T]:
        """Its result to come; work that is cancelled before its turn is not done."""
        done: Future[T] = Future()
        self._waiting.put((rank, next(self._number), done, partial(work, *given)))
        self._threads.submit(self._most_urgent)
        return done

    def close(self) -> None:
        """Waits for what is being done and cancels the rest."""
        self._threads.shutdown(cancel_futures=True)
        while not self._waiting.empty():
            self._waiting.get_nowait()[2].cancel()

    def _most_urgent(self) -> None:
        _, _, done, work = self._waiting.get_nowait()
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  # whoever waits for the result gets it
            done.set_exception(error)
