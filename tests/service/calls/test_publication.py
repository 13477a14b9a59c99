"""Content is published during a call: the call that runs keeps its words, the next one has the new ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.content import versions
from ivr.core.settings import Settings
from ivr.speech.stt import Recogniser
from tests.service.calls import words
from tests.service.calls.running_service import HEARD, NewSettings, open_service
from tests.service.calls.store import until
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side(lane="drill")]

PHRASES = Path("voices/phrases/en.yml")
OLD = "Can I help you with anything else?"
NEW = "Would you like to know anything else about Paris?"


def publish(settings: Settings) -> None:
    """A content version with another wording of one phrase, made current."""
    number, draft = versions.snapshot(settings)
    before = (draft / PHRASES).read_text("utf-8")
    assert OLD in before
    (draft / PHRASES).write_text(before.replace(OLD, NEW), "utf-8")
    versions.keep(settings, number, draft, "another phrase", {})
    versions.point(settings, number)


async def test_a_running_call_keeps_its_words_and_the_next_has_the_new_ones(
    settled: NewSettings, ears: Recogniser
) -> None:
    async with open_service(settled(), ears) as service:
        before = service.supervisor.worker_pid
        async with service.call("en", ENGLISH.prefix) as first:
            await first.press(ENGLISH.key)
            await asyncio.to_thread(publish, service.settings)
            async with asyncio.TaskGroup() as meanwhile:
                meanwhile.create_task(service.supervisor.refresh())
                meanwhile.create_task(first.ask(words.EIFFEL_PRICE))
            assert service.supervisor.worker_pid != before
            async with service.call("en", ENGLISH.prefix) as second:
                await second.press(ENGLISH.key)
                async with asyncio.TaskGroup() as both:
                    both.create_task(second.ask(ENGLISH.question))
                    both.create_task(first.ask(ENGLISH.farewell))
                await second.ask(ENGLISH.farewell)
                await second.until_hung_up_on()
            await first.until_hung_up_on()
        for caller, text in ((first, OLD), (second, NEW)):
            record = await caller.record()
            said = record.prompt("anything_else")
            assert said.text == text
            assert await service.share(said, record) > HEARD
            assert record.row.outcome == "answered"

        async def gone() -> bool:
            return not await asyncio.to_thread(Path(f"/proc/{before}").exists)

        await until(gone, "the old worker stays although its call is over")
