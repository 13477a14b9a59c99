"""The leg: what passes through it, and how it is rebuilt when the media socket breaks."""

from __future__ import annotations

import asyncio

import pytest

from ivr.call.audio.leg import PUT_BACK_ATTEMPTS, REBUILDS
from ivr.core.errors import CallerGone, LinkLost
from tests.call.audio.telephone import counted, numbers, telephone, until

pytestmark = pytest.mark.virtual_time(sockets=True)

SOUND = bytes(range(1, 129)) * 5  # 20 ms that are not silence


async def test_sound_and_keys_of_the_caller_arrive_in_order() -> None:
    async with telephone() as phone:
        heard: list[bytes | str] = []
        phone.leg.on_audio, phone.leg.on_key = heard.append, heard.append
        phone.fake.say(phone.caller, SOUND)
        phone.fake.press(phone.caller, "5")
        phone.fake.say(phone.caller, SOUND)
        await until(lambda: heard.count(SOUND) == 2)
        assert [item for item in heard if item != bytes(640)] == [SOUND, "5", SOUND]


async def test_a_line_without_frames_is_filled_with_silence() -> None:
    """Without RTP, for example while a key is held down: turns are counted in frames, so time must go on."""
    async with telephone() as phone:
        heard = bytearray()
        phone.leg.on_audio = heard.extend
        await asyncio.sleep(3.0)
        assert len(heard) == pytest.approx(3.0 * 32_000, rel=0.05) and not any(heard)


@pytest.mark.parametrize("burst_ms", [10, 20, 40, 60, 100, 120])
async def test_bursts_of_packets_are_heard_as_they_were_sent(burst_ms: int) -> None:
    """The recogniser hears the same words: no silence between them, and the same length."""
    async with telephone() as phone:
        heard = bytearray()
        phone.leg.on_audio = heard.extend
        sent = 0
        for _ in range(3000 // burst_ms):
            await asyncio.sleep(burst_ms / 1000)
            for _ in range(burst_ms // 10):
                sent += 1
                phone.fake.say(phone.caller, SOUND[:320])
        await asyncio.sleep(0.01)
        assert len(heard) == pytest.approx(3.0 * 32_000, rel=0.05)
        assert heard.lstrip(b"\0").count(0) <= sent * SOUND[:320].count(0) + 0.15 * 32_000
        assert bytes(640) not in heard[-2 * 32_000 :]


async def test_after_a_pause_without_packets_time_has_gone_on() -> None:
    async with telephone() as phone:
        heard = bytearray()
        phone.leg.on_audio = heard.extend
        for _ in range(2):
            for _ in range(50):
                await asyncio.sleep(0.02)
                phone.fake.say(phone.caller, SOUND)
            await asyncio.sleep(5.0)
        assert len(heard) == pytest.approx(12.0 * 32_000, rel=0.03)


async def test_nonsense_from_the_media_socket_is_logged_and_the_line_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with telephone() as phone:
        heard: list[bytes] = []
        phone.leg.on_audio = heard.append
        socket = phone.media.socket
        assert socket is not None
        for garbage in ("no json", "[]", '{"event": 5}', '{"event": "DTMF_END"}', SOUND[:101], b""):
            socket.send(garbage)
        phone.fake.say(phone.caller, SOUND)
        await until(lambda: SOUND in heard)
        await phone.play(counted(0.2))
        assert phone.heard() == numbers(1, 10)
        assert all(len(record.getMessage()) < 160 for record in caplog.records)
        assert len([record for record in caplog.records if "media:" in record.getMessage()]) == 5


@pytest.mark.parametrize("length_s", [2.0, 9.0], ids=["sent whole", "still being sent"])
async def test_a_prompt_goes_on_where_it_was_when_the_media_socket_broke(length_s: float) -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(length_s)))
        await phone.reaches(40)
        phone.cut_media()
        [played] = await playing
        heard = phone.heard()
        assert not played.interrupted
        assert heard[-1] == round(length_s / 0.02)
        assert heard == sorted(set(heard)), "a frame was played twice"
        assert len(heard) >= round(length_s / 0.02) - 4, "frames were lost"


async def test_the_time_without_media_is_not_taken_for_heard() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(2.0)))
        await phone.reaches(40)
        phone.fake.start_delay_s = 1.5  # Asterisk takes its time to bring the new channel
        phone.cut_media()
        await playing
        assert len(phone.heard()) >= 100 - 4


async def test_a_prompt_on_hold_stays_on_hold_when_the_media_socket_breaks() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(1.0)))
        await phone.reaches(20)
        await phone.player.hold()
        phone.cut_media()
        await asyncio.sleep(1.0)
        assert len(phone.heard()) <= 23
        phone.player.resume()
        await playing
        assert phone.heard()[-1] == 50


async def test_a_key_during_the_rebuild_cuts_the_prompt() -> None:
    async with telephone() as phone:
        playing = asyncio.create_task(phone.play(counted(2.0)))
        await phone.reaches(20)
        phone.fake.start_delay_s = 1.0
        phone.cut_media()
        await until(lambda: len(phone.fake.media) > 2)
        await phone.player.flush()
        [played] = await playing
        assert played.interrupted and played.heard_s == pytest.approx(0.4, abs=0.06)
        await until(lambda: bool(phone.members() & phone.fake.media.keys()))
        await phone.play(counted(0.2, first=1001))
        assert phone.heard()[-10:] == numbers(1001, 1010)


async def test_nothing_is_left_in_asterisk_after_close_which_may_come_twice() -> None:
    async with telephone() as phone:
        await phone.leg.close()
        await phone.leg.close()
        assert phone.fake.bridges == {}
        assert list(phone.fake.channels) == [phone.caller.id], "the caller's own channel is left alone"


async def test_one_media_channel_is_left_after_a_rebuild() -> None:
    async with telephone() as phone:
        before = phone.members()
        phone.cut_media()
        await until(lambda: len(phone.members() - before) == 1)
        assert len(phone.members()) == 2 and len(phone.fake.channels) == 2


async def test_a_line_that_breaks_when_the_caller_is_gone_says_so() -> None:
    async with telephone() as phone:
        media = phone.media
        phone.fake.hang_up(phone.caller)
        assert media.socket is not None
        media.socket.reset()
        with pytest.raises(CallerGone):
            await phone.tasks[0]


async def test_a_line_that_cannot_be_rebuilt_is_lost() -> None:
    async with telephone() as phone:
        phone.fake.failing = 500
        phone.cut_media()
        with pytest.raises(LinkLost, match="not to be rebuilt"):
            await phone.tasks[0]
        phone.fake.failing = 0


async def test_a_media_channel_that_never_comes_is_a_lost_line() -> None:
    async with telephone() as phone:
        phone.fake.start_delay_s = 60
        phone.cut_media()
        with pytest.raises(LinkLost, match="did not enter"):
            await phone.tasks[0]


async def test_a_line_that_breaks_again_and_again_is_given_up() -> None:
    async with telephone() as phone:
        for _ in range(REBUILDS):
            before = phone.members()
            phone.cut_media()
            await until(lambda before=before: len(phone.members() - before) == 1)  # type: ignore[misc]
        phone.cut_media()
        with pytest.raises(LinkLost, match=f"lost {REBUILDS + 1} times"):
            await phone.tasks[0]


async def test_aside_takes_the_caller_out_of_the_bridge_and_back() -> None:
    async with telephone() as phone:
        assert phone.caller.id in phone.members()
        async with phone.leg.aside():
            assert phone.caller.id not in phone.members()
        assert phone.caller.id in phone.members()


async def test_a_caller_is_put_back_when_asterisk_has_ended_the_recording() -> None:
    async with telephone() as phone:
        async with phone.leg.aside():
            phone.fake.ending = PUT_BACK_ATTEMPTS - 1
        assert phone.caller.id in phone.members()


async def test_a_caller_who_cannot_be_put_back_is_left_to_the_dialplan() -> None:
    async with telephone() as phone:
        with pytest.raises(LinkLost, match="currently recording"):
            async with phone.leg.aside():
                phone.fake.ending = PUT_BACK_ATTEMPTS


async def test_a_caller_who_hangs_up_meanwhile_is_not_put_back() -> None:
    async with telephone() as phone:
        async with phone.leg.aside():
            phone.fake.hang_up(phone.caller)
        assert phone.caller.id not in phone.members()
