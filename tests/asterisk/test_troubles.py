"""Troubles that a healthy Asterisk does not make: garbage, errors, silence, restarts."""

from __future__ import annotations

import asyncio
import base64
import logging

import pytest

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import EARLY_EVENTS, AriLink, LinkState
from ivr.asterisk.config import ARI_USER, render
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.process import Asterisk
from ivr.core.errors import AriConflict, AriNotFound, AriRefused, AriUnavailable, LinkLost
from ivr.core.settings import Settings
from tests.asterisk.peers import FakePeer, RealPeer, desk, tone, until
from tests.fakes.asterisk import PASSWORD, USER, FakeAsterisk


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, AriRefused),
        (403, AriRefused),
        (404, AriNotFound),
        (409, AriConflict),
        (412, AriConflict),
        (422, AriConflict),
        (500, AriUnavailable),
        (503, AriUnavailable),
    ],
)
async def test_statuses_are_errors_of_the_right_kind(
    fake: FakePeer, status: int, error: type[Exception]
) -> None:
    fake.fake.failing = status
    async with fake.ari() as ari:
        with pytest.raises(error):
            await ari.answer("x")


async def test_a_deaf_asterisk_is_unavailable_in_time() -> None:
    async with FakeAsterisk() as fake, Ari(fake.url, USER, PASSWORD, "accueil-1", timeout=0.1) as ari:
        fake.unresponsive = True
        with pytest.raises(AriUnavailable):
            await ari.ping()


async def test_no_asterisk_at_all_is_unavailable() -> None:
    async with Ari("http://127.0.0.1:9", USER, PASSWORD, "accueil-1") as ari:
        with pytest.raises(AriUnavailable):
            await ari.ping()


async def test_neither_password_nor_values_stand_in_urls_or_logs(
    fake: FakePeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with desk(fake) as worker, fake.caller() as caller:
        id = (await worker.arrival()).channel.id
        await worker.ari.set_variable(id, "IVR_TRANSCRIPT", "je cherche mon fils")
        assert caller.channel.variables["IVR_TRANSCRIPT"] == "je cherche mon fils"
    everything = "\n".join([*fake.fake.targets, caplog.text, repr(worker.ari)])
    assert "set_variable" not in everything and "/variable" in everything
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, token, "fils"):
        assert secret not in everything


async def test_the_link_comes_up_when_asterisk_has_finished_booting() -> None:
    states: list[LinkState] = []
    async with FakeAsterisk() as fake, Ari(fake.url, USER, PASSWORD, "accueil-1") as ari:
        fake.booting = True
        link = AriLink(ari, on_state=states.append)
        running = asyncio.create_task(link.run())
        await asyncio.sleep(0.25)
        assert not link.connected and states == []
        fake.booting = False
        async with asyncio.timeout(3):
            await link.wait_connected()
        fake.drop_events("accueil-1")
        await until(lambda: states == [LinkState.CONNECTED, LinkState.DISCONNECTED, LinkState.CONNECTED], 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_link_without_an_answer_to_pings_is_lost(fake: FakePeer) -> None:
    async with desk(fake, ping_s=0.1) as worker:
        await asyncio.sleep(0.5)
        assert worker.link.connected, "pings are answered"
        fake.fake.silence()
        await until(lambda: not worker.link.connected, 3)


async def test_garbage_on_the_event_socket_is_logged_and_calls_go_on(
    fake: FakePeer, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(fake) as worker:
        for garbage in (
            "",
            "nonsense",
            "[]",
            '{"type": 5}',
            '{"type": "StasisStart", "channel": {}}',
            b"\xff\0",
        ):
            fake.fake.send_raw("accueil-1", garbage)
        async with fake.caller():
            assert (await worker.arrival()).args == ()
    assert len([record for record in caplog.records if "message ignored" in record.message]) == 6


async def test_garbage_on_the_media_socket_and_calls_go_on(fake: FakePeer) -> None:
    async with desk(fake) as worker, fake.caller() as caller:
        async with worker.media(await worker.arrival()) as media:
            socket = fake.fake.bridged_media(caller.channel).socket
            assert socket is not None
            for garbage in ("", "}{", "null", '{"event": {}}', '{"event": "DTMF_END"}', b"\0"):
                socket.send(garbage)
            await caller.press("7")
            async with asyncio.timeout(3):
                async for event in media:
                    if getattr(event, "digit", "") == "7":
                        break


async def test_keys_doubled_by_ari_are_single_on_the_media_link(fake: FakePeer) -> None:
    async with desk(fake) as worker, fake.caller() as caller:
        arrival = await worker.arrival()
        async with worker.media(arrival) as media:
            await caller.press("1")
            digits = []
            async with asyncio.timeout(3):
                while len(digits) < 2:
                    event = await arrival.events.get()
                    digits += [event.digit] if isinstance(event, ev.ChannelDtmfReceived) else []
            assert digits == ["1", "1"]
            assert [event.digit for event in media._queue._waiting if hasattr(event, "digit")] == ["1"]


async def test_a_slow_reader_loses_old_frames_but_no_key(fake: FakePeer) -> None:
    async with desk(fake) as worker, fake.caller() as caller:
        async with worker.media(await worker.arrival()) as media:
            await caller.press("4")
            await caller.say(tone(40))
            await until(lambda: media.dropped > 0)
            await caller.hang_up()
            await media.close()
            kinds = [type(event).__name__ async for event in media]
    assert kinds.count("Dtmf") == 1 and kinds[-1] == "Closed" and kinds.count("AudioFrame") <= 1500


async def test_events_before_anybody_asked_are_kept_within_bounds(fake: FakePeer) -> None:
    async with desk(fake) as worker:
        channel = {"id": "early-1", "name": "WebSocket/INCOMING/1"}
        for number in range(EARLY_EVENTS + 5):
            fake.fake.tell("accueil-1", "ChannelDtmfReceived", channel=channel, digit=str(number % 10))
        fake.fake.tell("accueil-1", "StasisStart", channel=channel, args=[])
        await until(lambda: isinstance((worker.link._early.get("early-1") or [None])[-1], ev.StasisStart))
        with worker.link.events("early-1") as events:
            found = [await events.get() for _ in range(EARLY_EVENTS)]
        assert isinstance(found[-1], ev.StasisStart)
        for number in range(200):
            fake.fake.tell("accueil-1", "StasisEnd", channel={"id": f"stray-{number}"})
        await until(lambda: "stray-199" in worker.link._early)
        assert len(worker.link._early) <= 64


async def test_a_call_that_ended_while_the_link_was_down_is_told(fake: FakePeer) -> None:
    async with desk(fake) as worker, fake.caller() as caller:
        arrival = await worker.arrival()
        await until(lambda: worker.link.connected)
        fake.fake.booting = True
        fake.fake.drop_events("accueil-1")
        await until(lambda: not worker.link.connected)
        await caller.hang_up()
        fake.fake.booting = False
        async with asyncio.timeout(5):
            while not isinstance(event := await arrival.events.get(), ev.ChannelGone):
                pass
        assert event.channel_id == arrival.channel.id


async def test_a_call_that_lived_through_a_lost_link_goes_on(fake: FakePeer) -> None:
    async with desk(fake) as worker, fake.caller() as caller:
        arrival = await worker.arrival()
        fake.fake.drop_events("accueil-1")
        await until(lambda: not worker.link.connected)
        async with asyncio.timeout(5):
            await worker.link.wait_connected()
        await until(lambda: "/ari/channels" in fake.fake.targets)
        async with worker.media(arrival):
            await caller.press("3")
            async with asyncio.timeout(3):
                while not isinstance(await arrival.events.get(), ev.ChannelDtmfReceived):
                    pass
        assert len(worker.link._calls) == 0


@pytest.mark.asterisk
async def test_asterisk_killed_and_restarted(settings: Settings) -> None:
    render(settings, PbxParameters())
    states: list[LinkState] = []
    secret = settings.secrets["ARI_PASSWORD"]
    async with Ari(settings.ari_url, ARI_USER, secret, settings.app) as ari:
        link = AriLink(ari, on_state=states.append)
        running = asyncio.create_task(link.run())
        async with Asterisk(settings) as first:
            async with asyncio.timeout(5):
                await link.wait_connected()
            await first.kill()
            assert await first.wait() != 0 and first.pid is None
            await until(lambda: not link.connected)
        async with Asterisk(settings) as second:
            async with asyncio.timeout(5):
                await link.wait_connected()
            assert await second.healthy() and second.pid is not None
        await until(lambda: not link.connected)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert states == [LinkState.CONNECTED, LinkState.DISCONNECTED] * 2


@pytest.mark.asterisk
async def test_media_lost_when_asterisk_dies(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller():
        async with worker.media(await worker.arrival()) as media:
            await media.close()
            with pytest.raises(LinkLost):
                await media.send(tone(0.1))
