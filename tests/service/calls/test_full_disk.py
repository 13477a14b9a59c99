"""A full disk where messages are recorded: an alarm, a word to the caller, and nothing lost that was there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.core import events
from tests.service.calls import sounds, words
from tests.service.calls.caller import Caller
from tests.service.calls.running_service import HEARD, RunningService
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(lane="night")]

SIZE_KB = 64
"""Four seconds of a message."""
SAID_S = 4.0


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncIterator[None]:
    """The folder is a disk of its own for a while, and soon full."""
    options = f"size={SIZE_KB}k,mode=0777"
    await _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield
    finally:
        await _run("umount", "--lazy", str(folder))


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


async def test_a_disk_that_fills_up_in_mid_message(night: RunningService) -> None:
    async with night.call("en", ENGLISH.prefix) as caller:
        await leaves_a_message(caller)
        await caller.press("#")
        await caller.until_prompt("voicemail_review", "en")
    (earlier,) = await night.store.transcribed(caller.number)
    path = night.settings.state / earlier.file
    kept = await asyncio.to_thread(path.read_bytes)
    async with small_disk(night.settings.pbx / "spool/recording"):
        async with night.call("en", ENGLISH.prefix) as other:
            await leaves_a_message(other)
            await other.until_prompt("voicemail_failed", "en")
            await other.until_prompt("anything_else", "en")
            await other.speak(await other.words(ENGLISH.question))
            decided = await other.until(events.Decided, lambda decided: decided.intent == ENGLISH.intent)
            await other.listen(1.0)
        (cut_short,) = await night.store.transcribed(other.number)
    assert decided.decision == "answer"
    record = await other.record()
    assert await night.share(record.prompt("voicemail_failed"), record) > HEARD
    assert [fault.part for fault in record.all(events.Fault)] == ["voicemail"]
    assert "ALARM" in night.log()
    assert "Miller" in cut_short.transcript and 2.0 < cut_short.seconds < 4.5
    assert await asyncio.to_thread(path.read_bytes) == kept
    (still,) = await night.store.messages(caller.number)
    same = ("id", "call_id", "number", "lang", "seconds", "file", "transcript")
    assert [getattr(still, name) for name in same] == [getattr(earlier, name) for name in same]


async def leaves_a_message(caller: Caller) -> None:
    await caller.press(ENGLISH.key)
    await caller.ask(words.LEAVE_MESSAGE_EN)
    await caller.until_beep()
    await caller.speak(sounds.cut(await caller.words(words.MESSAGE_EN), 0, SAID_S))
