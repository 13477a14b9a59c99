"""A machine that is late: frames come in bursts, and the same bytes give the same turns."""

from __future__ import annotations

import asyncio
import random

import pytest

from ivr.call.audio.caller_turn import CallerTurn
from ivr.core.audio import frames, silence
from tests.call.audio.listener_peers import ListenerHarness, Reader, interpreter, noise, speech, text

pytestmark = pytest.mark.virtual_time

CALL = b"".join(
    (
        silence(1.0), noise(0.2), silence(1.2), speech("how much is 0.5 the Louvre"), silence(3.0),
        speech("and on Sundays"), silence(3.0),
    )
)  # fmt: skip


async def turns(bursts: random.Random | None) -> list[CallerTurn]:
    """The two turns of the call, on a machine that is on time or not."""
    harness = ListenerHarness(Reader(delay_s=0.2))
    feeding = asyncio.create_task(feed(harness, bursts))
    found = [await harness.turn(interpreter("how much is the Louvre", "and on Sundays")) for _ in range(2)]
    feeding.cancel()
    return found


async def feed(harness: ListenerHarness, bursts: random.Random | None) -> None:
    late = 0
    for frame in frames(CALL + silence(9.0)):
        harness.listener.hear(frame)
        late += 1
        if bursts is None or bursts.random() < 0.15:
            await asyncio.sleep(late * 0.02)
            late = 0


@pytest.mark.parametrize("seed", range(8))
async def test_late_frames_make_the_same_turns_of_the_same_bytes(seed: int) -> None:
    on_time, late = await turns(None), await turns(random.Random(seed))
    assert [text(sound) for sound in on_time] == ["how much is the Louvre", "and on Sundays"]
    assert [text(sound) for sound in late] == [text(sound) for sound in on_time]
    for one, other in zip(on_time, late, strict=True):
        assert (one.start_s, one.end_s, one.span) == (other.start_s, other.end_s, other.span)
        assert one.trace.voice == other.trace.voice


async def test_a_turn_tells_what_it_depended_on() -> None:
    harness = ListenerHarness(Reader(delay_s=0.3), prompt_s=1.0)
    sound = await harness.hears(
        silence(2.0), speech("how much is 0.26 the Louvre"), interpreter=interpreter("the Louvre")
    )
    course = sound.trace
    assert course.since == 1 and course.until > course.voice[1] > course.voice[0] >= 100
    assert course.prompt == tuple(range(1, 51))
    first, second = course.decodes
    assert first.took is None and second.took is not None and first.start < second.start
    assert second.took == pytest.approx(0.3 / 0.02, abs=1) and not second.once
    again = await harness.hears(silence(2.0), speech("and on Sundays"))
    assert again.trace.since == course.until + 1
