"""Numbers by keys: ended by #, by a pause, or by the last key."""

from __future__ import annotations

import asyncio

import pytest

from ivr.call.audio.listener import KEY_GAP_S
from ivr.core.audio import silence
from tests.call.audio.listener_peers import ListenerHarness, noise, speech, text

pytestmark = pytest.mark.virtual_time

PAUSE = silence(1.0)


async def dialled(harness: ListenerHarness, *sounds: bytes | str, most: int = 20) -> tuple[str, float]:
    """The number that these keys and the sounds between them make, and when it ended."""
    feeding = asyncio.create_task(harness._feed_all(sounds))
    try:
        first = await harness.turn()
        assert first.key
        keys = await asyncio.wait_for(harness.listener.dialled(first.key, most), 60)
        return keys, asyncio.get_running_loop().time()
    finally:
        feeding.cancel()


@pytest.mark.parametrize(
    ("keys", "number"),
    [("06#", "06"), ("0612345678#", "0612345678"), ("#", "#"), ("*", "*"), ("12*", "12*")],
)
async def test_hash_ends_it_at_once(keys: str, number: str) -> None:
    started = asyncio.get_running_loop().time()
    found, ended = await dialled(ListenerHarness(), *(part for key in keys for part in (key, silence(0.2))))
    assert found == number and ended - started < 0.3 * len(keys) + 0.1


async def test_a_pause_ends_it_and_shorter_ones_do_not() -> None:
    started = asyncio.get_running_loop().time()
    found, ended = await dialled(ListenerHarness(), "0", PAUSE, "6", silence(KEY_GAP_S - 0.5), "1", PAUSE)
    assert found == "061"
    assert ended - started == pytest.approx(1.0 + KEY_GAP_S - 0.5 + KEY_GAP_S, abs=0.1)


async def test_the_longest_number_ends_by_itself() -> None:
    found, _ = await dialled(ListenerHarness(), "1", "2", "3", "4", most=3)
    assert found == "123"


async def test_noise_between_keys_does_not_matter_and_is_not_taken_for_the_next_turn() -> None:
    harness = ListenerHarness()
    feeding = asyncio.create_task(
        harness._feed_all(("0", noise(0.6), "6", "#", PAUSE, speech("how much is it")))
    )
    first = await harness.turn()
    assert await harness.listener.dialled(first.key, 20) == "06"
    assert text(await harness.turn()) == "how much is it"
    feeding.cancel()
