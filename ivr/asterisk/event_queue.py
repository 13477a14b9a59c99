"""A bounded queue of events between one socket and one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class EventQueue(Generic[T]):
    """Events in their order, for one reader.

    size: largest number of waiting events.  With one more, the oldest expendable event is dropped, or the oldest of
    all when none is expendable; ``dropped`` counts them.
    expendable: whether an event may be dropped.
    """

    def __init__(self, size: int, expendable: Callable[[T], bool] = lambda event: True) -> None:
        self.dropped = 0
        self._size = size
        self._expendable = expendable
        self._waiting: deque[T] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def put(self, event: T) -> None:
        """Add an event without waiting; after ``close`` it is ignored."""
        if self._closed:
            return
        if len(self._waiting) >= self._size:
            self._drop_one()
        self._waiting.append(event)
        self._wake.set()

    def close(self) -> None:
        """Take no more events; the reader still gets those that wait, and then the iteration ends."""
        self._closed = True
        self._wake.set()

    async def get(self) -> T:
        """Wait for the next event and return it; raises StopAsyncIteration when closed and empty."""
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()

    def get_nowait(self) -> T:
        """The next event of a queue that is not empty; raises IndexError otherwise."""
        return self._waiting.popleft()

    def __aiter__(self) -> EventQueue[T]:
        return self

    async def __anext__(self) -> T:
        return await self.get()

    def _drop_one(self) -> None:
        self.dropped += 1
        for index, waiting in enumerate(self._waiting):
            if self._expendable(waiting):
                del self._waiting[index]
                return
        self._waiting.popleft()
