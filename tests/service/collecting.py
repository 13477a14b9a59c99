"""One instance with its store, its disk and its Asterisk, on which collector and transcriber work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ivr.asterisk.ari import Ari
from ivr.content.bundle import Content
from ivr.core import events
from ivr.service.collector import Collector
from ivr.service.transcriber import Transcriber
from ivr.store import queries
from ivr.store.database import Store
from ivr.store.journal import Journal
from ivr.store.rows import CallRow, MessageRow
from tests.call.audio.listener_peers import Reader
from tests.conftest import ROOT
from tests.fakes.asterisk import PASSWORD, USER, FakeAsterisk
from tests.store.calls import PSEUDONYMS, stamped
from tests.store.spool import Spool

STARTED = events.CallStarted("+331", "accueil", "accueil-1")


class Shared(Reader):
    """A recogniser that callers use as well; ``unasked`` is set while no caller waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.unasked = asyncio.Event()
        self.unasked.set()

    async def ready(self) -> None:
        pass

    async def quiet(self) -> None:
        await self.unasked.wait()


class Round:
    """One instance with its store, its disk and its Asterisk."""

    def __init__(self, spool: Spool, fake: FakeAsterisk, ari: Ari) -> None:
        self.spool, self.fake, self.ari, self.recogniser = spool, fake, ari, Shared()
        self.store = Store(spool.settings.database)
        self.journal = Journal(spool.settings.state_dir.spool, self.store, PSEUDONYMS)
        content = Content.load(replace(spool.settings, root=ROOT))
        self.collector = Collector(spool.settings, ari, self.store, self.journal, spool.pending)
        self.transcriber = Transcriber(spool.settings, self.store, self.journal, self.recogniser, content)

    async def go(self, times: int = 1) -> None:
        """Collect, and store what came of it."""
        for _ in range(times):
            await self.collector.once()
            self.journal.drain()
            await self.transcriber.once()
            self.journal.drain()

    def happened(self, call_id: str, *what: events.Event, first: int = 0) -> None:
        for item in stamped(call_id, *what, first=first or events.Sequence().next() - 60 * 10**9):
            self.journal.append(item)
        self.journal.drain()

    def call(self, call_id: str) -> CallRow:
        found = queries.call(self.store, call_id)
        assert found is not None
        return found

    def measured(self, call_id: str) -> list[events.Event]:
        story = [item.event for item in queries.events_of(self.store, call_id)]
        return [event for event in story if isinstance(event, events.MouthToEar | events.RecordingMeasured)]

    def messages(self) -> list[MessageRow]:
        found = queries.all_messages(self.store)
        return found


@asynccontextmanager
async def instance(root: Path) -> AsyncIterator[Round]:
    async with FakeAsterisk() as fake, Ari(fake.url, USER, PASSWORD, "accueil-1") as ari:
        opened = Round(Spool(root), fake, ari)
        try:
            yield opened
        finally:
            opened.journal.close()
