"""Ten callers at once: every place taken, everybody served; the eleventh is told so and not turned away."""

from __future__ import annotations

import asyncio
import os

import pytest

from ivr.core import events
from tests.service.calls.caller import Record
from tests.service.calls.running_service import RunningService
from tests.service.calls.words import TOURISTS, Tourist

pytestmark = pytest.mark.asterisk

CALLERS = 10
RIGHT = 9
"""So many of ten questions must be answered rightly: a recogniser may mishear one."""


async def test_ten_calls_at_once(service: RunningService) -> None:
    tourists = [TOURISTS[number % len(TOURISTS)] for number in range(CALLERS)]
    everybody_in = asyncio.Barrier(CALLERS + 1)
    async with asyncio.TaskGroup() as calls:
        ten = [calls.create_task(asks(service, tourist, everybody_in)) for tourist in tourists]
        calls.create_task(one_too_many(service, everybody_in))
    records = [call.result() for call in ten]
    right = [
        await is_right(service, record, tourist) for record, tourist in zip(records, tourists, strict=True)
    ]
    assert sum(right) >= RIGHT, right
    await service.empty()


async def test_processors_are_shared_among_all_parts_as_one(service: RunningService) -> None:
    """Among sessions Linux may share them first: a low priority, and who decodes, would count within one alone."""
    supervisor = service.supervisor
    worker, collector = supervisor.worker_pid, supervisor.collector_pid
    for pid in (
        supervisor.asterisk.pid or 0,
        worker,
        supervisor.recogniser_pid,
        supervisor.console_pid,
        collector,
    ):
        assert os.getsid(pid) == os.getsid(0)
        assert os.getpgid(pid) == pid
    assert os.getpriority(os.PRIO_PROCESS, collector) > os.getpriority(os.PRIO_PROCESS, worker)


async def asks(service: RunningService, tourist: Tourist, everybody_in: asyncio.Barrier) -> Record:
    async with service.call(tourist.lang, tourist.prefix, tourist.voice) as caller:
        await caller.listen()
        await everybody_in.wait()
        await caller.press(tourist.key)
        await caller.ask(tourist.question)
        await caller.until(events.Decided)
        await caller.hears_out()
    return await caller.record()


async def one_too_many(service: RunningService, everybody_in: asyncio.Barrier) -> None:
    await everybody_in.wait()
    async with service.call("en") as caller:
        await caller.until_beep()
        heard = caller.heard()
    for lang, word in (("fr", "un"), ("en", "two")):
        assert await service.share_of_phrase("crowded", lang, heard, key=word) > 0.7, lang


async def is_right(service: RunningService, record: Record, tourist: Tourist) -> bool:
    said = [said for said in record.all(events.Said) if said.key == tourist.intent]
    return bool(said) and await service.answer_in(record.audio_of(said[0]), tourist.lang) == tourist.intent
