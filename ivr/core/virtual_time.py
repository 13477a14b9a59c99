"""An event loop whose clock jumps to the next timer when there is nothing else to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any

STEP_S = 0.03
"""A jump of no more than a frame or so (seconds) needs no second look: what comes after it is that much late."""


class _JumpingSelector(selectors.BaseSelector):
    """Selects like the real one but never waits: the time it should have waited is added to the clock."""

    def __init__(self, grace_s: float) -> None:
        self._real = selectors.DefaultSelector()
        self._grace_s = grace_s
        self.now = 0.0
        self.threads = 0  # jobs of the loop that run in threads: real time, in which the clock stands still

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
            return self._real.select(None)  # only a thread can wake us now: wait for it in real time
        self.now += timeout
        return []

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0 and moves only by jumping.

    ``grace_s``: real seconds in which something may still arrive before the clock jumps, for tests with
    sockets inside this process (what was written on the loopback is there within microseconds).
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
