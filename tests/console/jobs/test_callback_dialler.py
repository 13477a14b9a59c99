"""Callbacks over real SIP: an adviser's telephone, then the caller's telephone behind the trunk's operator.

Voices are tones, so that they can be distinguished.  The clock is fixed for opening hours and windows.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from ivr.asterisk import queues
from ivr.asterisk.config import remove, render
from ivr.asterisk.process import Asterisk
from ivr.console.context import Context
from ivr.console.jobs.callback_dialler import CallbackDialler
from ivr.content.callflow import load_callflow
from ivr.core.audio import PHONE_RATE, resample, silence, write_wav
from ivr.core.events import CallbackWanted, CallStarted, Stamped
from ivr.core.vocabulary import AdviserState
from ivr.service.pbx_parameters import pbx_parameters
from ivr.simulator.adviser import AdviserPlan, Reaction, SimulatedAdviser
from ivr.simulator.softphone import Credentials, Softphone
from ivr.store import callbacks
from ivr.store.database import Store
from ivr.store.rows import CallbackRow
from ivr.store.tables import callbacks as table
from ivr.store.writer import write
from tests.asterisk.peers import tone
from tests.asterisk.test_dialplan import share
from tests.conftest import ROOT, Resident, fresh_settings
from tests.service.calls.store import until

pytestmark = pytest.mark.asterisk

ACCOUNT = Credentials("accueil-paris", "a password of the operator")
OPERATOR = "127.0.0.2"
"""An address of its own, by which the service identifies the operator."""
WHISPER_HZ, NO_ANSWER_HZ, ADVISER_HZ, CALLER_HZ, GREETING_HZ = 1700, 2000, 1000, 1300, 2300
CHANGES = {
    "  pause_min: 15 ": "  pause_min: 0 ",
    "  caller_ring_s: 40": "  caller_ring_s: 10",
    "    ring_s: 20": "    ring_s: 5",
    "  wrap_up_s: 10 ": "  wrap_up_s: 0 ",
}
"""Changes to callflow.yml that remove waits."""


def make_root(root: Path, port: int) -> Path:
    """Create a root folder whose trunk leads to the operator."""
    shutil.copytree(ROOT / "dialplans", root / "dialplans")
    trunk = (
        '  host: ""\n  port: 5060\n  username: ""\n',
        f'  host: "{OPERATOR}"\n  port: {port}\n  username: "{ACCOUNT.user}"\n',
    )
    flow = root / "dialplans/callflow.yml"
    text = flow.read_text("utf-8")
    for old, new in (trunk, *CHANGES.items()):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    flow.write_text(text, "utf-8")
    return root


@dataclasses.dataclass
class CallbackSetup:
    """The console's context, its Asterisk, an adviser's telephone, and the operator of the trunk."""

    context: Context
    asterisk: Asterisk
    phone: Softphone
    operator: Softphone

    @asynccontextmanager
    async def available_adviser(self, plan: AdviserPlan) -> AsyncIterator[SimulatedAdviser]:
        """Run an available adviser and the dialler."""
        async with self.phone.adviser("adviser", plan) as adviser:
            async with queues.connect(self.context.settings) as ami:
                await queues.set_state(ami, "adviser", AdviserState.AVAILABLE)
            async with self.dialling():
                yield adviser

    @asynccontextmanager
    async def dialling(self) -> AsyncIterator[None]:
        """Run the dialler until exit."""
        job = asyncio.create_task(CallbackDialler(self.context).run())
        try:
            yield
        finally:
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job

    def promise(self, number: str) -> str:
        """Store a caller's request to be called at ``number`` now; returns its id."""
        id, start = number[-8:], self.context.now().timestamp()
        wanted = CallbackWanted(id, number, "en", start, start + 3600, "louvre.price")
        story = [Stamped(f"call-{id}", 1, 0.0, CallStarted(number, "accueil", "accueil-1")),
                 Stamped(f"call-{id}", 2, 9.0, wanted)]  # fmt: skip
        write(self.context.store, story, self.context.settings.pseudonyms)
        return id

    async def when(self, id: str, state: str, timeout_s: float = 40.0) -> CallbackRow:
        """Wait until the callback is in ``state`` and return it."""

        async def there() -> CallbackRow | None:
            row = await asyncio.to_thread(callbacks.one, self.context.store, id)
            return row if row.state == state else None

        return await until(there, f"{id} is not {state}", timeout_s)

    def tried(self, id: str) -> list[str]:
        """The results of its attempts."""
        return [row.result for row in callbacks.attempts_of(self.context.store, id)]


@asynccontextmanager
async def open_setup(root: Path) -> AsyncIterator[CallbackSetup]:
    settings = dataclasses.replace(fresh_settings(), today="2026-11-24T10:00", database_url="")
    operator = Softphone(settings, subscriber=ACCOUNT, bind=OPERATOR)
    secrets = {**settings.secrets, "TRUNK_PASSWORD": ACCOUNT.password}
    settings = dataclasses.replace(settings, root=make_root(root, operator.port), secrets=secrets)
    callflow = load_callflow(settings.root)
    render(settings, pbx_parameters(settings, callflow))
    for file in ("callback", "lang-en", "topic-louvre-price", "call-now"):
        sound(settings.pbx / f"share/sounds/fr/desk/{file}.wav", WHISPER_HZ)
    sound(settings.pbx / "share/sounds/fr/desk/unanswered.wav", NO_ANSWER_HZ)
    sound(settings.pbx / "share/sounds/en/desk/called-back.wav", GREETING_HZ)
    settings.state.mkdir(parents=True, exist_ok=True)
    context = Context(settings, callflow, Store(settings.database))
    try:
        async with operator, Asterisk(settings) as asterisk, Softphone(settings) as phone:
            yield CallbackSetup(context, asterisk, phone, operator)
    finally:
        context.store.close()
        remove(settings)


def sound(path: Path, hertz: int) -> None:
    """Write half a second of an announcement to an adviser."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, resample(tone(0.5, hertz), 16_000, PHONE_RATE), PHONE_RATE)


@pytest.fixture(scope="module")
def setup(hold: Callable[[], Resident], tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallbackSetup]:
    """The running setup."""
    resident = hold()
    yield resident.enter(open_setup(tmp_path_factory.mktemp("setup")))
    resident.leave()


def spoken(folder: Path, hertz: int, after_s: float) -> Path:
    """Write one second of a tone after ``after_s`` seconds of silence."""
    path = folder / f"{hertz}.wav"
    write_wav(path, silence(after_s) + tone(1.0, hertz))
    return path


async def test_adviser_and_caller_are_connected_and_hear_each_other(
    setup: CallbackSetup, tmp_path: Path
) -> None:
    number = "+33612345601"
    id = setup.promise(number)
    desk = AdviserPlan(keys_after_s=1.0, say=(spoken(tmp_path, ADVISER_HZ, 3.0),))
    home = AdviserPlan(keys_after_s=1.0, say=(spoken(tmp_path, CALLER_HZ, 1.0),), hang_up_after_s=2.5)
    with setup.operator.number(number, home) as telephone:
        async with setup.available_adviser(desk) as adviser:
            talk, answered = await asyncio.gather(adviser.next_call(), telephone.next_call())
            done = await setup.when(id, "done")
    assert setup.operator.called == [number]
    assert share(talk.heard, WHISPER_HZ) > 0.5 and share(answered.heard, WHISPER_HZ) == 0
    assert share(answered.heard, GREETING_HZ) > 0.3 and share(talk.heard, GREETING_HZ) == 0
    assert share(talk.heard, CALLER_HZ) > 0.7, "the adviser does not hear the caller"
    assert share(answered.heard, ADVISER_HZ) > 0.7, "the caller does not hear the adviser"
    assert (done.owner, done.attempts) == ("desk", 1)
    [tried] = callbacks.attempts_of(setup.context.store, id)
    assert tried.result == "talked" and 2 <= tried.seconds <= 8
    assert "0 results" in await setup.asterisk.command("database show callback")


async def test_three_times_no_answer_closes_it_with_a_reason(setup: CallbackSetup) -> None:
    number = "+33612345602"
    id = setup.promise(number)
    with setup.operator.number(number, AdviserPlan(Reaction.BUSY, after_s=0.3)) as telephone:
        async with setup.available_adviser(AdviserPlan(keys_after_s=1.0)) as adviser:
            told = await adviser.next_call()
            telephone.plan = AdviserPlan(Reaction.IGNORE)
            closed = await setup.when(id, "closed", 80)
    assert setup.operator.called == [number] * 3
    assert share(told.heard, NO_ANSWER_HZ) > 0.3
    assert (closed.attempts, closed.outcome) == (3, "no answer, 3 attempts")
    assert setup.tried(id) == ["busy", "no-answer", "no-answer"]


@pytest.mark.parametrize(
    ("number", "plan", "result"),
    [
        ("+33612345611", AdviserPlan(keys="2", keys_after_s=1.0), "declined"),
        ("+33612345612", AdviserPlan(keys=""), "declined"),
        ("+33612345613", AdviserPlan(Reaction.BUSY), "no-adviser"),
    ],
    ids=["another key", "a mobile's voicemail", "busy"],
)
async def test_without_the_adviser_s_key_the_caller_is_not_rung(
    setup: CallbackSetup, number: str, plan: AdviserPlan, result: str
) -> None:
    id = setup.promise(number)

    async def ended() -> bool:
        return any(setup.tried(id))

    with setup.operator.number(number, AdviserPlan(keys="")):
        async with setup.available_adviser(plan):
            await until(ended, "nobody was rung")
    assert setup.operator.called == [] and setup.tried(id)[0] == result
    assert callbacks.one(setup.context.store, id).attempts == 0
    with setup.context.store.begin() as connection:
        connection.execute(table.update().where(table.c.id == id).values(state="closed"))


@pytest.mark.parametrize(
    ("number", "home"),
    [
        ("+33612345621", AdviserPlan(keys="", hang_up_after_s=4.0)),
        ("+33612345622", AdviserPlan(keys="9", keys_after_s=1.0)),
    ],
    ids=["a mailbox", "another key"],
)
async def test_a_telephone_that_answers_without_the_key_is_no_talk(
    setup: CallbackSetup, number: str, home: AdviserPlan
) -> None:
    id = setup.promise(number)

    async def ended() -> bool:
        return any(setup.tried(id))

    with setup.operator.number(number, home):
        async with setup.available_adviser(AdviserPlan(keys_after_s=1.0)) as adviser:
            told = await adviser.next_call()
            await until(ended, "the attempt has no end")
    assert setup.tried(id)[0] == "not-accepted" and share(told.heard, NO_ANSWER_HZ) > 0.3
    row = callbacks.one(setup.context.store, id)
    assert row.attempts >= 1 and row.state in ("open", "calling")
    with setup.context.store.begin() as connection:
        connection.execute(table.update().where(table.c.id == id).values(state="closed"))


async def test_the_call_survives_a_killed_dialler_and_the_next_one_records_it(
    setup: CallbackSetup, tmp_path: Path
) -> None:
    number = "+33612345604"
    id = setup.promise(number)
    home = AdviserPlan(keys_after_s=1.0, say=(spoken(tmp_path, CALLER_HZ, 2.0),), hang_up_after_s=2.0)
    with setup.operator.number(number, home) as telephone:
        async with setup.available_adviser(AdviserPlan(keys_after_s=1.0)):
            await asyncio.wait_for(telephone.rung.wait(), 30)
        answered = await telephone.next_call()
    assert answered.answered and answered.ended_by == "adviser", "the call was cut"
    assert callbacks.one(setup.context.store, id).state == "calling"
    async with setup.dialling():
        done = await setup.when(id, "done")
    assert done.attempts == 1 and setup.tried(id) == ["talked"]


async def test_after_asterisk_is_killed_during_the_call_the_caller_is_called_again(
    setup: CallbackSetup, tmp_path: Path
) -> None:
    number = "+33612345605"
    id = setup.promise(number)
    home = AdviserPlan(keys_after_s=1.0, say=(spoken(tmp_path, CALLER_HZ, 2.0),), hang_up_after_s=0.5)
    with setup.operator.number(number, home) as telephone:
        async with setup.available_adviser(AdviserPlan(keys_after_s=1.0)):
            await asyncio.wait_for(telephone.rung.wait(), 30)
            await asyncio.sleep(2.0)  # Asterisk writes its database to disk within a second
            await setup.asterisk.kill()
            await setup.asterisk.start()
            await setup.when(id, "done", 60)
    assert setup.tried(id) == ["interrupted", "talked"]
