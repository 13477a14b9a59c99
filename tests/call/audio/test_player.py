"""What the caller hears: every frame once and in order, silence when they speak, and no prompt that hangs."""

from __future__ import annotations

import asyncio

import pytest

from tests.call.audio.telephone import counted, numbers, telephone, until

pytestmark = pytest.mark.virtual_time(sockets=True)


async def test_a_prompt_ends_when_its_last_frame_has_left_asterisk() -> None:
    async with telephone() as phone:
        [played] = await phone.play(counted(1.0))
        assert phone.heard() == numbers(1, 50)
        assert (played.length_s, played.heard_s, played.interrupted) == (1.0, 1.0, False)
        assert phone.player.now() - played.start_s == pytest.approx(1.0, abs=0.06)
        assert not phone.player.speaking


async def test_a_long_prompt_is_fed_bit_by_bit_and_loses_nothing() -> None:
    """Asterisk keeps 20 s and drops the rest silently; the player stays 5 s ahead."""
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(8.0)))
        await phone.reaches(5)
        assert 240 <= phone.media.queue_length <= 275
        await playing
        assert phone.heard() == numbers(1, 400)


async def test_parts_follow_each_other_without_a_gap() -> None:
    async with telephone() as phone:
        first, second = await phone.play(counted(0.4), counted(0.4, first=21))
        assert phone.heard() == numbers(1, 40)
        assert second.start_s - first.start_s == pytest.approx(0.4, abs=0.06)


async def test_between_prompts_goes_silence() -> None:
    """So that the caller's side always gets RTP."""
    async with telephone() as phone:
        await until(lambda: len(phone.media.played) >= 60)
        sent = [frame for frame in phone.media.played[-50:] if frame is not None]
        assert len(sent) >= 48 and not any(map(any, sent))


async def test_flush_is_silence_within_two_frames_and_tells_how_much_was_heard() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(3.0), counted(1.0, first=151)))
        await phone.reaches(40)
        await phone.player.flush()
        before = len(phone.heard())
        first, second = await playing
        assert first.interrupted and second.interrupted
        assert first.heard_s == pytest.approx(0.8, abs=0.06) and second.heard_s == 0
        await until(lambda: phone.media.played[-10:] == [bytes(640)] * 10)
        assert len(phone.heard()) - before <= 2


async def test_a_cut_prompt_gives_way_to_the_next_one() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(8.0)))
        await phone.reaches(10)
        await phone.player.flush()
        await playing
        await phone.play(counted(0.5, first=1001))
        assert phone.heard()[-25:] == numbers(1001, 1025)


async def test_flush_before_the_first_sample_keeps_the_prompt_from_being_played() -> None:
    async with telephone() as phone:
        phone.player.begin()
        await phone.player.flush()
        [played] = await phone.player.play(asyncio.sleep(0, counted(1.0)))
        assert played.interrupted and played.heard_s == 0 and phone.heard() == []


async def test_a_hold_is_silence_and_resume_goes_on_two_frames_back() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(1.0)))
        await phone.reaches(20)
        await phone.player.hold()
        held = len(phone.media.played)
        await until(lambda: len(phone.media.played) >= held + 40)
        heard = phone.heard()
        assert len(heard) <= 22
        assert phone.media.played[-30:] == [bytes(640)] * 30, "the caller's side always gets RTP"
        phone.player.resume()
        [played] = await playing
        assert phone.heard() == [*heard, *numbers(heard[-1] - 1, 50)] and not played.interrupted


async def test_time_on_hold_was_not_heard() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(5.0)))
        await phone.reaches(20)
        await phone.player.hold()
        held = len(phone.media.played)
        await until(lambda: len(phone.media.played) >= held + 40)
        await phone.player.flush()
        [played] = await playing
        assert played.heard_s == pytest.approx(len(phone.heard()) * 0.02, abs=0.06)


async def test_a_hold_before_the_first_sample_is_lifted_by_resume() -> None:
    """A cough before the prompt is rendered must not hold it for ever."""
    async with telephone() as phone:
        phone.player.begin()
        await phone.player.hold()
        playing = asyncio.create_task(phone.player.play(asyncio.sleep(0, counted(0.5))))
        await asyncio.sleep(0.3)
        assert phone.heard() == []
        phone.player.resume()
        async with asyncio.timeout(5):
            await playing
        assert phone.heard() == numbers(1, 25)


async def test_a_hold_at_the_very_end_of_a_part_is_lifted_by_resume() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(0.4), counted(0.4, first=21)))
        await phone.reaches(20)
        await phone.player.hold()
        await asyncio.sleep(0.3)
        phone.player.resume()
        async with asyncio.timeout(5):
            await playing
        assert phone.heard() == [*numbers(1, 20), *numbers(19, 40)]


async def test_a_hold_at_the_very_end_of_a_prompt_does_not_hold_the_next_one() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(0.4)))
        await phone.reaches(20)
        await phone.player.hold()
        await phone.player.flush()  # it was speech
        await playing
        async with asyncio.timeout(5):
            await phone.play(counted(0.4, first=21))
        assert phone.heard() == numbers(1, 40)


async def test_flush_ends_a_prompt_even_when_nobody_reads_the_line_any_more() -> None:
    """At a hang-up the pump is cancelled together with the conversation."""
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(1.0)))
        await phone.reaches(10)
        for task in phone.tasks:
            task.cancel()
        await asyncio.gather(*phone.tasks, return_exceptions=True)
        await phone.player.flush()
        async with asyncio.timeout(5):
            [played] = await playing
        assert played.interrupted


async def test_flush_of_a_line_without_media_is_no_error() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(1.0)))
        await phone.reaches(10)
        await phone.leg.close()
        await phone.player.flush()
        async with asyncio.timeout(5):
            [played] = await playing
        assert played.interrupted


async def test_a_prompt_does_not_wait_for_the_silence_before_it() -> None:
    async with telephone() as phone:
        await until(lambda: len(phone.media.played) >= 30)
        for pause in range(5):  # wherever the silence is in its four frames
            await asyncio.sleep(0.5 + pause * 0.02)
            before = len(phone.media.played)
            await phone.play(counted(0.1))
            assert any(phone.media.played[before : before + 2][-1] or b"")
