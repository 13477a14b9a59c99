"""The bounded queue between a socket and a call."""

from __future__ import annotations

import asyncio

import pytest

from ivr.asterisk.event_queue import EventQueue


async def test_order_and_end() -> None:
    box: EventQueue[int] = EventQueue(10)
    for number in range(3):
        box.put(number)
    box.close()
    box.put(99)
    assert [number async for number in box] == [0, 1, 2]
    with pytest.raises(StopAsyncIteration):
        await box.get()


async def test_when_full_the_oldest_expendable_goes() -> None:
    box: EventQueue[str] = EventQueue(3, lambda text: text.startswith("frame"))
    for text in ("frame1", "key", "frame2", "end"):
        box.put(text)
    box.close()
    assert [text async for text in box] == ["key", "frame2", "end"]
    assert box.dropped == 1


async def test_when_nothing_is_expendable_the_oldest_goes() -> None:
    box: EventQueue[int] = EventQueue(2, lambda number: False)
    for number in range(4):
        box.put(number)
    box.close()
    assert [number async for number in box] == [2, 3]


async def test_a_waiting_reader_is_woken_by_an_event_and_by_the_end() -> None:
    box: EventQueue[int] = EventQueue(2)
    reader = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.put(7)
    assert await reader == 7
    reader = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.close()
    with pytest.raises(StopAsyncIteration):
        await reader
