"""The events of a service so far, by caller, from its database and its spool, as far as they can be read."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ivr.core import events
from ivr.core.errors import StoreError
from ivr.core.settings import Settings
from ivr.store import queries, tables
from ivr.store.database import Store
from ivr.store.messages import VoicemailSpool
from ivr.store.rows import MessageRow

EVERY_S = 0.4


class EventLog:
    """Reads events in the background while ``follow`` runs; ``story`` never blocks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store(settings.database)
        self._events: dict[str, dict[int, events.Stamped]] = defaultdict(dict)
        self._numbers: dict[str, str] = {}
        self._thread = ThreadPoolExecutor(1, "event_log")

    async def follow(self) -> None:
        """Read new events until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(self._thread, self.look)
            await asyncio.sleep(EVERY_S)

    def look(self) -> bool:
        """Read new events; returns False when the database cannot be read."""
        for path in sorted((self._settings.state / "spool").glob("*.jsonl")):
            with contextlib.suppress(FileNotFoundError):
                for line in path.read_bytes().splitlines():
                    with contextlib.suppress(ValueError):
                        self._take(events.from_json(json.loads(line)))
        try:
            for call_id, seq, body in self._stored():
                if seq not in self._events.get(call_id, ()):
                    self._take(events.from_json(json.loads(body)))
        except (SQLAlchemyError, StoreError, OSError):
            self._store.close()
            return False
        return True

    def story(self, number: str) -> list[events.Stamped]:
        """The events of the call from ``number``, in order."""
        mine = self._settings.pseudonyms.of(number)
        calls = [call_id for call_id, of in self._numbers.items() if of == mine]
        found = [stamped for call_id in calls for stamped in self._events[call_id].values()]
        return sorted(found, key=lambda stamped: stamped.seq)

    def stories(self) -> list[list[events.Stamped]]:
        """The events of every call, in order."""
        return [[story[seq] for seq in sorted(story)] for story in self._events.values()]

    def messages(self) -> list[MessageRow]:
        """All messages in the store."""
        return queries.all_messages(self._store)

    def uncollected(self) -> int:
        """Number of messages that wait in Asterisk's spool."""
        return len(VoicemailSpool(self._settings).waiting())

    def close(self) -> None:
        """Stop reading."""
        self._thread.shutdown(cancel_futures=True)
        self._store.close()

    def _stored(self) -> list[tuple[str, int, str]]:
        """All events, every time: those of a worker with a wrong clock arrive in no order."""
        table = tables.events
        with self._store.connect() as connection:
            rows = connection.execute(sa.select(table.c.call_id, table.c.seq, table.c.body)).all()
        return [(row[0], row[1], row[2]) for row in rows]

    def _take(self, stamped: events.Stamped) -> None:
        if isinstance(stamped.event, events.CallStarted | events.MessageLeft):
            self._numbers[stamped.call_id] = self._settings.pseudonyms.of(stamped.event.number)
        self._events[stamped.call_id].setdefault(stamped.seq, stamped)
