"""A refusal on a real Asterisk: it records until then, and not after; what it had is gone, the caller stays."""

from __future__ import annotations

import asyncio

import pytest

from ivr.asterisk.ari_events import Channel
from ivr.call.recording_optout import recording_optout
from ivr.store import recordings
from tests.asterisk.peers import RealPeer, desk, until

pytestmark = pytest.mark.asterisk


async def monitored(peer: RealPeer, channel: Channel) -> bool:
    """Whether Asterisk itself says that it records the channel."""
    return f"{channel.id}-in" in await peer.asterisk.command(f"mixmonitor list {channel.name}")


async def test_a_refused_recording_stops_and_is_deleted(real: RealPeer) -> None:
    async with desk(real) as worker, real.caller():
        arrival = await worker.arrival()
        channel, folder = arrival.channel, real.settings.pbx / "spool/monitor"
        await worker.ari.answer(channel.id)
        await worker.ari.renew(channel.id, 20)
        await until(lambda: len(list(folder.glob(f"{channel.id}-*"))) == 2)
        assert await monitored(real, channel)
        await recording_optout(real.settings)(channel)
        assert not await monitored(real, channel)
        await asyncio.sleep(0.5)  # what Asterisk has not written yet would come now
        assert list(folder.glob(f"{channel.id}-*")) == []
        assert await worker.ari.channel(channel.id) is not None
    assert list(recordings.collect(real.settings, ())) == []
    assert not list((real.settings.state / "recordings").glob("*"))
