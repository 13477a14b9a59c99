"""A bounded queue for events between one socket and one call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class EventQueue(Generic[T]):
    """Events in order, for one reader.

    When ``size`` are waiting, the oldest that ``expendable`` allows is dropped (and counted in
    ``dropped``); if none is expendable the oldest goes.  ``close(last)`` lets the reader take what is
    there, then ends the iteration.
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
        """True when nothing more can come in."""
        return self._closed

    def put(self, event: T) -> None:
        """Add an event; never waits.  After ``close`` it is ignored."""
        if self._closed:
            return
        if len(self._waiting) >= self._size:
            self._drop_one()
        self._waiting.append(event)
        self._wake.set()

    def close(self) -> None:
        """No more events; the reader still gets those that wait."""
        self._closed = True
        self._wake.set()

    async def get(self) -> T:
        """The next event; waits for it.  Raises StopAsyncIteration when closed and empty."""
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()

    def get_nowait(self) -> T:
        """The next event, which is there."""
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
