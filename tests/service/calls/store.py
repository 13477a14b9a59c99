"""The service's store as the tests see it: questions that wait for their answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from ivr.core import events
from ivr.core.settings import Settings
from ivr.store import database, queries
from ivr.store.rows import CallRow, MessageRow

T = TypeVar("T")
E = TypeVar("E", bound=events.Event)
WRITTEN_S = 30.0
"""Longest wait for something to stand in the store: events come every half second, recordings and messages
when the collector has been round."""


async def until(probe: Callable[[], Awaitable[T | None]], what: str, timeout_s: float = WRITTEN_S) -> T:
    """What ``probe`` returns when it first returns something; AssertionError ``what`` when it does not."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


def told(story: Iterable[events.Stamped]) -> str:
    """A line for each event: the call's time in seconds, and what happened."""
    return "\n".join(f"{item.t:8.2f} {item.event}" for item in story)


class Store:
    """The database of one service."""

    def __init__(self, settings: Settings) -> None:
        self._store = database.Store(settings.database)
        self._pseudonyms = settings.pseudonyms
        self._ids: dict[str, str] = {}

    def close(self) -> None:
        """Close its connections."""
        self._store.close()

    async def call(self, number: str) -> CallRow:
        """The latest call from that number."""
        return await until(lambda: self._call(number), f"no call from {number} in the store")

    async def story(self, number: str) -> tuple[events.Stamped, ...]:
        """The events of that call so far."""
        if number not in self._ids:
            row = await self._call(number)
            if row is None:
                return ()
            self._ids[number] = row.id
        return tuple(await asyncio.to_thread(queries.events_of, self._store, self._ids[number]))

    async def stories(self) -> list[tuple[events.Stamped, ...]]:
        """The events of every call that is over."""
        rows = await asyncio.to_thread(queries.recent_calls, self._store, 200)
        found = [tuple(await asyncio.to_thread(queries.events_of, self._store, row.id)) for row in rows]
        return [one for one in found if any(isinstance(item.event, events.CallFinished) for item in one)]

    async def event(
        self, number: str, kind: type[E], check: Callable[[E], bool], timeout_s: float = WRITTEN_S
    ) -> E:
        """The first such event of the call."""

        async def found() -> E | None:
            events_so_far = (item.event for item in await self.story(number))
            return next((event for event in events_so_far if isinstance(event, kind) and check(event)), None)

        try:
            return await until(found, f"no such {kind.kind} in the call from {number}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}, only:\n{told(await self.story(number))}") from None

    async def finished(
        self, number: str, *, recording: bool = True
    ) -> tuple[CallRow, tuple[events.Stamped, ...]]:
        """The call's row and events when it has an outcome, and its recording too."""

        async def whole() -> CallRow | None:
            row = await self._call(number)
            return row if row and row.outcome and (row.recording or not recording) else None

        row = await until(whole, f"the call from {number} has no outcome or recording")
        return row, await self.story(number)

    async def messages(self, number: str) -> list[MessageRow]:
        """The messages from that number."""
        found = await asyncio.to_thread(queries.all_messages, self._store)
        return [row for row in found if row.number == number]

    async def transcribed(self, number: str, count: int = 1) -> list[MessageRow]:
        """The messages from that number, when there are so many and all are transcribed."""

        async def there() -> list[MessageRow] | None:
            found = await self.messages(number)
            return found if len(found) >= count and all(row.transcribed for row in found) else None

        return await until(there, f"no {count} transcribed message(s) from {number}")

    async def _call(self, number: str) -> CallRow | None:
        found = await asyncio.to_thread(queries.recent_calls, self._store, 200)
        return next((row for row in found if row.number == self._pseudonyms.of(number)), None)
