"""The trunk, with a second Asterisk as the operator: registration, fallback telephones, no other calls out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.asterisk.config import remove, render
from ivr.asterisk.parameters import PbxParameters, PbxTelephone, Queue, TrunkParameters
from ivr.asterisk.process import Asterisk
from ivr.simulator.adviser import AdviserPlan, Reaction
from ivr.simulator.scenario import CallSpec, Digits, HangUp, Wait
from ivr.simulator.softphone import Credentials, Softphone
from tests.asterisk.conftest import apology, whisper
from tests.asterisk.peers import RealPeer, desk
from tests.asterisk.test_dialplan import ADVISER_HZ, come_back, hand_off, share, wav
from tests.conftest import Resident, fresh_settings
from tests.service.calls.store import until

pytestmark = pytest.mark.asterisk
ON_CALL, OVERFLOW, FOREIGN = "+33612345678", "+33149520000", "+33899700700"
ACCOUNT = Credentials("accueil-paris", r';a pässwort\; of "the" operator => #1;')


@dataclasses.dataclass(frozen=True)
class Town:
    """The service, a caller's telephone, and the operator of its trunk."""

    peer: RealPeer
    operator: Softphone


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    """A service whose spare telephones are behind a trunk."""
    settings = fresh_settings()
    operator = Softphone(settings, subscriber=ACCOUNT)
    trunk = TrunkParameters("127.0.0.1", operator.port, ACCOUNT.user, True, password=ACCOUNT.password)
    fallback_phones = (
        PbxTelephone("oncall", number=ON_CALL, languages=("fr",), ring_s=3),
        PbxTelephone("overflow", number=OVERFLOW, languages=("fr",), ring_s=3),
    )
    render(settings, PbxParameters(fallback_phones=fallback_phones, trunk=trunk, queue=Queue(accept_s=3)))
    apology(settings.pbx / "sounds")
    whisper(settings.pbx / "share/sounds/fr/desk")
    try:
        async with operator, Asterisk(settings) as asterisk, Softphone(settings) as phone:
            await until(operator.subscribed, "the trunk did not register", 15)
            yield Town(RealPeer(settings, asterisk, phone), operator)
    finally:
        remove(settings)


@pytest.fixture(scope="module")
def here(hold: Callable[[], Resident]) -> Iterator[Town]:
    """All three, running."""
    resident = hold()
    yield resident.enter(town())
    resident.leave()


async def test_a_password_of_any_characters_reaches_asterisk_whole(here: Town) -> None:
    """The trunk registered with it, too."""
    assert ACCOUNT.password in await here.peer.asterisk.command("pjsip show auth trunk")


async def reach(here: Town, on_call: AdviserPlan, overflow: AdviserPlan) -> tuple[str, float]:
    """Put a caller through to the telephone on call, then to the overflow; the final status and what they heard."""
    with here.operator.number(ON_CALL, on_call), here.operator.number(OVERFLOW, overflow):
        async with desk(here.peer) as worker, here.peer.caller() as caller:
            arrival = await worker.arrival()
            await worker.ari.answer(arrival.channel.id)
            await hand_off(worker, arrival, target="oncall", IVR_THEN="overflow", __IVR_QUEUE="oncall")
            again = await come_back(worker, 30)
            assert again.args[0] == "return"
            return again.args[1], share(caller.heard(), ADVISER_HZ)


async def test_who_is_on_call_takes_the_call_with_a_key(here: Town, tmp_path: Path) -> None:
    plan = AdviserPlan(say=(wav(tmp_path, ADVISER_HZ, 1.0),), hang_up_after_s=0.5)
    assert await reach(here, plan, AdviserPlan()) == ("CONTINUE", pytest.approx(1.0, abs=0.3))
    assert here.operator.called == [ON_CALL]


async def test_a_mobiles_voicemail_takes_no_caller_and_the_overflow_is_rung(
    here: Town, tmp_path: Path
) -> None:
    voicemail = AdviserPlan(keys="", say=(wav(tmp_path, 900, 2.0),))
    plan = AdviserPlan(say=(wav(tmp_path, ADVISER_HZ, 1.0),), hang_up_after_s=0.5)
    assert await reach(here, voicemail, plan) == ("CONTINUE", pytest.approx(1.0, abs=0.3))
    assert here.operator.called == [ON_CALL, OVERFLOW]


async def test_neither_answers_and_the_caller_comes_back(here: Town) -> None:
    nobody = AdviserPlan(Reaction.IGNORE)
    assert await reach(here, nobody, AdviserPlan(Reaction.BUSY)) == ("NOANSWER", 0.0)
    assert here.operator.called == [ON_CALL, OVERFLOW]


@pytest.mark.parametrize(
    "dialled", [FOREIGN, ON_CALL, "00899700700", "oncall", "ring", "callback", f"{FOREIGN}@trunk", "s", "T", "*50"]
)  # fmt: skip
async def test_whatever_a_caller_dials_nobody_is_called(here: Town, dialled: str) -> None:
    here.operator.called.clear()
    steps = (Wait(1.0), Digits(FOREIGN.lstrip("+") + "#"), Wait(1.0), HangUp())
    to = f"sip:{dialled.partition('@')[0]}@127.0.0.1:{here.peer.settings.sip_port}"
    await here.peer.phone.call(CallSpec(to, steps))
    await asyncio.sleep(0.2)
    assert here.operator.called == []
