"""A recogniser of which no decode ends is noticed, and one that is busy, idle or cancelled is not."""

from __future__ import annotations

import asyncio

import pytest

from ivr.service.decode_watch import LOOK_S, SUSPECT_S, TRIAL_S, DecodeWatch

pytestmark = pytest.mark.virtual_time


class Engine:
    """Decodes within ``takes_s`` seconds."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s, self.trials = takes_s, 0

    async def trial(self) -> None:
        self.trials += 1
        await asyncio.sleep(self.takes_s)


async def seen_to_hang(watch: DecodeWatch, within_s: float) -> float | None:
    try:
        async with asyncio.timeout(within_s):
            return await watch.run()
    except TimeoutError:
        return None


async def test_one_that_hangs_is_noticed_within_ten_seconds() -> None:
    watch = DecodeWatch(Engine(1e9).trial)
    watch.asked()
    assert await seen_to_hang(watch, SUSPECT_S + LOOK_S + TRIAL_S + 0.5) is not None


async def test_a_cancelled_question_proves_nothing() -> None:
    engine = Engine(0.4)
    watch = DecodeWatch(engine.trial)
    watch.asked()  # and nobody waits for the answer
    assert await seen_to_hang(watch, 120) is None
    assert engine.trials == 1


async def test_one_that_answers_others_late_is_left_alone() -> None:
    """The trial waits behind the questions of many callers."""
    watch = DecodeWatch(Engine(1e9).trial)

    async def busy() -> None:
        while True:
            watch.asked()
            await asyncio.sleep(4.0)
            watch.answered()

    callers = asyncio.create_task(busy())
    assert await seen_to_hang(watch, 120) is None
    callers.cancel()


async def test_an_idle_one_is_not_tried() -> None:
    engine = Engine(0.4)
    assert await seen_to_hang(DecodeWatch(engine.trial), 120) is None
    assert engine.trials == 0
