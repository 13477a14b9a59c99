"""An event loop whose clock jumps to the next timer when nothing else is ready."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any

STEP_S = 0.03
"""Jumps up to this length (seconds) do not wait ``grace_s``: what arrives after them is only that late."""


class _JumpingSelector(selectors.BaseSelector):
    """A selector that never waits: it adds the time that it should have waited to its clock."""

    def __init__(self, grace_s: float) -> None:
        self._real = selectors.DefaultSelector()
        self._grace_s = grace_s
        self.now = 0.0
        self.threads = 0  # jobs in threads; they take real time, and the clock does not move meanwhile

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready and self._grace_s and (timeout is None or timeout > STEP_S):
            ready = self._real.select(self._grace_s)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.threads:
            return self._real.select(None)  # only a thread can wake the loop: wait in real time
        self.now += timeout
        return []

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0 and moves only in jumps.

    grace_s: real seconds in which data may still arrive before the clock jumps, for tests with sockets in this
        process.  Data on the loopback interface arrives within microseconds.
    """

    def __init__(self, grace_s: float = 0.0) -> None:
        self._jumping = _JumpingSelector(grace_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        job = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        job.add_done_callback(self._thread_ended)
        return job

    def _thread_ended(self, job: asyncio.Future[Any]) -> None:
        self._jumping.threads -= 1
