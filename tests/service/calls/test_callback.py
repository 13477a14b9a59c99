"""A callback from asking to talking: a caller, an adviser, and the operator who connects us to the caller again.

How attempts end otherwise: ``tests/console/jobs/test_callback_dialler.py``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.core.audio import read_audio, silence, through_g711, write_wav
from ivr.simulator.adviser import AdviserPlan
from ivr.simulator.softphone import Credentials, Softphone
from ivr.speech.caller_voices import caller_wav
from ivr.speech.stt import Recogniser
from tests.conftest import ROOT, Resident
from tests.service.calls import sounds, words
from tests.service.calls.running_service import NewSettings, RunningService, open_service
from tests.service.calls.store import until

pytestmark = pytest.mark.asterisk

ACCOUNT = Credentials("accueil-paris", "a password of the operator")
OPERATOR = "127.0.0.2"
ASKS, YES, TODAY = "Could you call me back, please?", "Yes, that's right.", "The first one, please."
ANSWERS = "Hello? Yes, I was waiting for your call about the tickets."
HOME = "+44207"
"""Seven figures more are a number in London."""


@dataclasses.dataclass(frozen=True)
class Town:
    """The service, and the operator behind its trunk."""

    service: RunningService
    operator: Softphone

    async def callback(self, number: str, state: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The callback to that number, once it is in that state."""

        async def there() -> dict[str, Any] | None:
            rows = await self.service.rows("callbacks", "list", "--state", state)
            return next((row for row in rows if row["number"] == number), None)

        return await until(there, f"no {state} callback to {number}", timeout_s)

    async def tried(self, id: str) -> list[tuple[str, str]]:
        """The adviser who was rung for it, and the result."""
        [row] = await self.service.rows("callbacks", "show", id)
        return [(one["adviser"], one["result"]) for one in row["tried"]]


def made(root: Path, port: int) -> Path:
    """A checkout whose trunk leads to the operator, and whose callbacks do not wait."""
    for name in ("dialplans", "nlu", "voices"):
        shutil.copytree(ROOT / name, root / name)
    flow = root / "dialplans/callflow.yml"
    text = flow.read_text("utf-8")
    for old, new in {
        '  host: ""\n  port: 5060\n  username: ""\n':
            f'  host: "{OPERATOR}"\n  port: {port}\n  username: "{ACCOUNT.user}"\n',
        "  pause_min: 15 ": "  pause_min: 0 ",
        "  notice_min: 20 ": "  notice_min: 0 ",
        "  caller_ring_s: 40": "  caller_ring_s: 10",
    }.items():  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    flow.write_text(text, "utf-8")
    return root


@asynccontextmanager
async def open_town(root: Path, settled: NewSettings, ears: Recogniser) -> AsyncIterator[Town]:
    settings = settled()
    operator = Softphone(settings, subscriber=ACCOUNT, bind=OPERATOR)
    secrets = {**settings.secrets, "TRUNK_PASSWORD": ACCOUNT.password}
    settings = dataclasses.replace(settings, root=made(root, operator.port), secrets=secrets)
    async with operator, open_service(settings, ears) as service:
        yield Town(service, operator)


@pytest.fixture(scope="module")
def town(
    hold: Callable[[], Resident],
    settled: NewSettings,
    ears: Recogniser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """The service with a trunk."""
    resident = hold()
    yield resident.enter(open_town(tmp_path_factory.mktemp("town"), settled, ears))
    resident.leave()


def later(text: str, pause_s: float, folder: Path) -> Path:
    """A sentence that begins after a while."""
    path = folder / f"{len(text)}.wav"
    write_wav(path, silence(pause_s) + read_audio(caller_wav("en", text)))
    return path


async def test_who_asks_by_voice_is_called_back_though_worker_and_asterisk_are_killed(
    town: Town, tmp_path: Path
) -> None:
    service = town.service
    async with service.call("en", HOME) as caller:
        await caller.press("2")
        await caller.listen(1.0)
        await caller.ask(ASKS)
        await caller.until_prompt("callback_own_ask", "en")
        await caller.ask(YES)
        await caller.until_prompt("callback_window", "en")
        await caller.ask(TODAY)
        promise = await caller.until_prompt("callback_agreed_when", "en")
        os.kill(service.supervisor.worker_pid, signal.SIGKILL)
    assert promise.text == "It will be today between ten and eleven am, on the number"
    task = await town.callback(caller.number, "open")
    assert (task["lang"], task["owner"], task["attempts"]) == ("en", "", 0)
    await service.asterisk.kill()
    greeting = words.ADVISER_EN
    desk = AdviserPlan(keys_after_s=5.0, say=(later(greeting, 5.0, tmp_path),))
    home = AdviserPlan(keys_after_s=1.0, say=(later(ANSWERS, 1.0, tmp_path),), hang_up_after_s=6.0)
    with town.operator.number(caller.number, home) as telephone:
        async with service.adviser(desk) as adviser:
            talk, answered = await asyncio.gather(adviser.next_call(60), telephone.next_call(60))
    assert town.operator.called == [caller.number]
    assert answered.answered and talk.answered
    assert await service.share_of_phrase("callback_whisper", "fr", talk.heard) > 0.8
    own = through_g711(read_audio(caller_wav("en", ANSWERS)))
    assert await sounds.share_of(own, talk.heard) > 0.7, "the adviser does not hear the caller"
    theirs = through_g711(read_audio(caller_wav("en", greeting)))
    assert await sounds.share_of(theirs, answered.heard) > 0.7, "the caller does not hear the adviser"
    done = await town.callback(caller.number, "done")
    assert (done["owner"], done["attempts"]) == ("desk", 1)
    assert (await town.tried(done["id"]))[-1] == ("desk", "talked")
    assert promise.text not in service.log() and caller.number not in service.log()
