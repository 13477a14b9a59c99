"""Advisers' states at a real Asterisk: set from outside, and kept over its restart."""

from __future__ import annotations

import asyncio

import pytest

from ivr.asterisk import queues
from ivr.asterisk.ami import Ami
from ivr.asterisk.process import Asterisk
from ivr.core.errors import AmiError
from ivr.core.settings import Settings
from ivr.core.vocabulary import AdviserState
from tests.service.calls.store import until

pytestmark = pytest.mark.asterisk
ADVISER = "adviser1"


async def state(settings: Settings) -> tuple[str, bool]:
    """The adviser's state, and whether their queues ring them at all."""
    async with queues.connect(settings) as ami:
        [member] = (await queues.queue_status(ami))[0]
        rows = [row for row in await ami.listing("QueueStatus") if row.get("Event") == "QueueMember"]
    assert member.id == ADVISER and member.queues == ("desk-en", "desk-fr")
    return member.state, all(row["Paused"] == "1" for row in rows)


async def test_a_state_is_set_in_every_queue_and_survives_a_crash(
    asterisk: Asterisk, settings: Settings
) -> None:
    assert await state(settings) == ("unreachable", False)
    for wanted in (AdviserState.AWAY, AdviserState.PAUSED):
        async with queues.connect(settings) as ami:
            await queues.set_state(ami, ADVISER, wanted)
        assert await state(settings) == (wanted, True)
    await asyncio.sleep(1.2)  # Asterisk commits its own database once a second
    await asterisk.kill()
    await asterisk.start()

    async def restored() -> bool:
        return await state(settings) == (AdviserState.PAUSED, True)

    await until(restored, "the state was forgotten", 10)
    await asterisk.reload()
    assert await restored(), "a reload made him available"
    async with queues.connect(settings) as ami:
        await queues.set_state(ami, ADVISER, AdviserState.AVAILABLE)
    assert await state(settings) == ("unreachable", False)


async def test_a_wrong_password_and_a_wrong_action_are_told(asterisk: Asterisk, settings: Settings) -> None:
    with pytest.raises(AmiError, match="Login"):
        async with Ami(settings.ami_port, "accueil", "wrong"):
            pass
    async with queues.connect(settings) as ami:
        with pytest.raises(AmiError, match="Interface"):
            await ami.action("QueuePause", Interface="Local/nobody@ring/n", Paused="true")
        with pytest.raises(AmiError, match="line break"):
            await ami.action("DBPut", Family="adviser", Key="x", Val="y\r\nAction: Originate")
        with pytest.raises(AmiError):  # no more rights than needed
            await ami.action("Originate", Channel="Local/s@entry", Application="NoOp")


async def test_without_asterisk_it_says_so(settings: Settings) -> None:
    with pytest.raises(AmiError, match="is `ivr run` up"):
        async with queues.connect(settings):
            pass
