"""Hanging up, at every stage: nothing is left of the call in Asterisk, and what was said to the machine is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from ivr.core import events
from tests.service.calls import sounds, words
from tests.service.calls.caller import Caller
from tests.service.calls.running_service import RunningService
from tests.service.calls.store import until
from tests.service.calls.words import ENGLISH, SPANISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]


async def in_the_greeting(caller: Caller) -> None:
    await caller.listen(0.5)


async def while_listening(caller: Caller) -> None:
    await caller.press(SPANISH.key)
    await caller.hears_out()


async def while_it_thinks(caller: Caller) -> None:
    await while_listening(caller)
    await caller.speak(await caller.words(SPANISH.question))


async def in_the_answer(caller: Caller) -> None:
    await while_it_thinks(caller)
    await caller.until(events.Decided)
    await caller.listen(1.0)


async def before_the_beep(caller: Caller) -> None:
    await while_listening(caller)
    await caller.speak(await caller.words(words.LEAVE_MESSAGE_ES))
    await caller.until(events.Decided)
    await caller.listen(1.0)


STAGES = (in_the_greeting, while_listening, while_it_thinks, in_the_answer, before_the_beep)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__.replace("_", " "))
async def test_nothing_is_left(service: RunningService, stage: Callable[[Caller], Awaitable[None]]) -> None:
    async with service.call("es", SPANISH.prefix) as caller:
        await stage(caller)
        left = await parts_of(service, caller)
        await caller.hang_up()
        await all_gone(service, left)
    record = await caller.record()
    answered = stage is in_the_answer
    assert record.row.outcome == ("answered" if answered else "abandoned")
    assert record.row.ended_by == "caller"
    assert await service.store.messages(caller.number) == []


async def test_a_message_cut_short_by_hanging_up_is_kept(service: RunningService) -> None:
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.ask(words.LEAVE_MESSAGE_EN)
        await caller.until_beep()
        left = await parts_of(service, caller)
        await caller.speak(sounds.cut(await caller.words(words.MESSAGE_EN), 0, 8))
        await caller.hang_up()
        await all_gone(service, left)
    record = await caller.record()
    (message,) = await service.store.transcribed(caller.number)
    assert (message.why, message.lang, message.call_id) == ("hang-up", "en", record.row.id)
    assert message.seconds > 7.0 and "umbrella" in message.transcript
    assert record.row.outcome == "message"


async def parts_of(service: RunningService, caller: Caller) -> set[str]:
    """Ids of the call's channel, of its bridge and of its media channel, as far as they are joined."""
    channel = await caller.call_id()
    _, bridges = await service.lines()
    joined = [(bridge, held) for bridge, held in bridges.items() if channel in held]
    return {channel}.union(*({bridge, *held} for bridge, held in joined))


async def all_gone(service: RunningService, parts: set[str]) -> None:
    """Wait until Asterisk knows none of these."""

    async def gone() -> bool:
        channels, bridges = await service.lines()
        return not parts & (channels | bridges.keys())

    assert parts
    await until(gone, f"left over: {parts}", 5)
