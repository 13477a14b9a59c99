"""The mark in the queue log: whatever it holds, each line becomes an event, once."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from ivr.console.context import Context, open_context
from ivr.console.jobs.queue_log_follower import QueueLogFollower
from ivr.core.settings import Settings
from ivr.store import queries
from tests.fakes.wrong_files import WRONG, lift
from tests.store.spool import tiny_disk

LINES = [
    f"179551080{number}|main-1795510790.{number}|oncall|NONE|WANTED|1795510800000||1795510790\n"
    for number in range(3)
]


@pytest.fixture
def context(settings: Settings, tmp_path: Path) -> Context:
    log = settings.pbx / "log"
    log.mkdir(parents=True)
    (log / "queue_log").write_text("".join(LINES))
    return open_context(dataclasses.replace(settings, database_url=f"sqlite:///{tmp_path / 'ivr.sqlite'}"))


async def follow(context: Context) -> None:
    """Follow the log until all its lines are stored, and one round more."""
    following = asyncio.create_task(QueueLogFollower(context).run())
    await asyncio.sleep(3.0)
    assert not following.done()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def told(context: Context) -> int:
    return sum(len(queries.events_of(context.store, line.split("|")[1])) for line in LINES)


@pytest.mark.virtual_time(sockets=True)
@pytest.mark.parametrize("kind", WRONG)
async def test_a_mark_that_cannot_be_read_means_from_the_beginning(context: Context, kind: str) -> None:
    mark = context.settings.state_dir.queue_log_place
    WRONG[kind](mark)
    try:
        await follow(context)
        await follow(context)
    finally:
        lift(mark)
        context.store.close()
    assert told(context) == len(LINES)


@pytest.mark.virtual_time(sockets=True)
async def test_a_full_disk_leaves_the_mark_as_it_was(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    mark = context.settings.state_dir.queue_log_place
    await follow(context)
    place = mark.read_text()
    with (context.settings.pbx / "log/queue_log").open("a") as log:
        log.write(LINES[0])
    with tiny_disk(context.settings.state):
        (context.settings.state / "ballast").write_bytes(bytes(4096))
        await follow(context)
    context.store.close()
    assert caplog.text.count(f"ALARM: {mark}") == 1 and mark.read_text() == place
