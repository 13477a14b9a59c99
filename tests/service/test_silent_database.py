"""Every round that asks the database leaves its event loop free while the database says nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from ivr.asterisk.ari import Ari
from ivr.console.api.health import check_parts
from ivr.console.context import Context
from ivr.console.jobs.registry import JOBS
from ivr.content.bundle import Content
from ivr.core.settings import Settings, load
from ivr.service.collector import Collector
from ivr.service.transcriber import Transcriber
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.store.callback_quota import CallbackQuota
from ivr.store.database import Store
from ivr.store.journal import Journal
from ivr.store.messages import VoicemailSpool
from tests.conftest import ROOT
from tests.fakes.asterisk import PASSWORD, USER, FakeAsterisk

TICK_S, TICKS = 0.05, 30
LEAST_TICKS = 10
"""A loop that waits for a connection, which takes seconds, has none."""


@contextmanager
def silent_database(tmp_path: Path) -> Iterator[Settings]:
    """Settings of an instance whose PostgreSQL accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"postgresql+psycopg://accueil:secret@127.0.0.1:{listening.getsockname()[1]}/accueil"
        yield dataclasses.replace(load(root=ROOT), instance=str(tmp_path), database_url=address)


async def leaves_the_loop_free(work: Awaitable[object]) -> None:
    running = asyncio.ensure_future(work)
    ticks, end = 0, asyncio.get_running_loop().time() + TICK_S * TICKS
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(TICK_S)
        ticks += 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ticks >= LEAST_TICKS


@asynccontextmanager
async def journal(settings: Settings) -> AsyncIterator[tuple[Store, Journal]]:
    store = Store(settings.database)
    made = Journal(settings.state_dir.spool, store, settings.pseudonyms)
    try:
        yield store, made
    finally:
        made.close()
        store.close()


async def test_the_workers_rounds(tmp_path: Path) -> None:
    with silent_database(tmp_path) as settings:
        async with journal(settings) as (store, made):
            recogniser = RemoteRecogniser(tmp_path / "nobody")
            transcriber = Transcriber(settings, store, made, recogniser, Content.load(settings))
            quota = CallbackQuota(store, settings.pseudonyms, "+33")
            await leaves_the_loop_free(asyncio.gather(transcriber.run(), made.run(), quota.run()))


async def test_the_collectors_round(tmp_path: Path) -> None:
    with silent_database(tmp_path) as settings:
        async with journal(settings) as (store, made), FakeAsterisk() as fake:
            async with Ari(fake.url, USER, PASSWORD, "accueil-1") as ari:
                collector = Collector(settings, ari, store, made, VoicemailSpool(settings))
                await leaves_the_loop_free(collector.run())


async def test_the_consoles_jobs(tmp_path: Path) -> None:
    with silent_database(tmp_path) as settings:
        store = Store(settings.database)
        context = Context(settings, Content.load(settings).callflow, store)
        await leaves_the_loop_free(asyncio.gather(*(make(context).run() for make in JOBS)))
        store.close()


async def test_the_readiness_is_known_in_time(tmp_path: Path) -> None:
    with silent_database(tmp_path) as settings:
        store = Store(settings.database)
        async with asyncio.timeout(10):
            parts = await check_parts(settings, store)
        assert (parts["store"], parts["messages"], parts["disk"]) == ("away", "unknown", "ok")
        store.close()
