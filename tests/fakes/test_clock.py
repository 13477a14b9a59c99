"""The virtual clock of tests in virtual time."""

from __future__ import annotations

import asyncio
import time

import pytest


@pytest.mark.virtual_time
async def test_ninety_seconds_pass_at_once() -> None:
    started, loop = time.monotonic(), asyncio.get_running_loop()
    await asyncio.sleep(90)
    assert loop.time() == pytest.approx(90)
    assert time.monotonic() - started < 1


@pytest.mark.virtual_time
async def test_timers_fire_in_order() -> None:
    order: list[str] = []

    async def later(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    await asyncio.gather(later("c", 3), later("a", 1), later("b", 2))
    assert order == ["a", "b", "c"]


@pytest.mark.virtual_time
async def test_the_loop_waits_for_a_thread() -> None:
    assert await asyncio.to_thread(lambda: 42) == 42


@pytest.mark.virtual_time
async def test_the_clock_stands_still_while_a_thread_works() -> None:
    loop, timer = asyncio.get_running_loop(), asyncio.create_task(asyncio.sleep(1))
    await asyncio.to_thread(time.sleep, 0.05)
    assert loop.time() == 0 and not timer.done()
    await timer
