"""A whole running service, and a telephone to call it."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from ivr.asterisk import queues
from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER, remove
from ivr.asterisk.process import Asterisk
from ivr.content.bundle import Content
from ivr.core import events
from ivr.core.errors import AriError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.core.vocabulary import AdviserState
from ivr.service.child_process import environment
from ivr.service.supervisor import Supervisor
from ivr.simulator.adviser import AdviserPlan, SimulatedAdviser
from ivr.simulator.demo import nearest_answer
from ivr.simulator.softphone import Softphone
from ivr.speech.prompts import open_prompts
from ivr.speech.stt import Recogniser
from tests.processes import linked
from tests.service.calls import sounds
from tests.service.calls.caller import Caller, Record, calling
from tests.service.calls.store import Store, until

ADVISER = "adviser"
"""The adviser's telephone in callflow.yml."""
NewSettings = Callable[..., Settings]
"""Makes the settings of a fresh instance; its argument is the moment at which the office's clock stands."""
_serial = itertools.count(1)

HEARD = 0.6
"""A prompt with a greater ``share`` was heard: of six pieces two may hold a frame that came late."""


class RunningService:
    """A service that tests call and look into.  ``supervisor`` is None when only Asterisk runs."""

    def __init__(
        self,
        settings: Settings,
        ears: Recogniser,
        asterisk: Asterisk,
        phone: Softphone,
        supervisor: Supervisor | None,
    ) -> None:
        self.settings, self.ears, self.asterisk, self.phone = settings, ears, asterisk, phone
        self.store = Store(settings)
        self.office = Content.load(settings)
        self.ari = Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app)
        self._prompts = open_prompts(settings, LANGUAGES)
        self._supervisor = supervisor

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor."""
        assert self._supervisor is not None
        return self._supervisor

    def call(
        self, lang: str = "en", prefix: str = "+336", voice: str | None = None, phone: Softphone | None = None
    ) -> AbstractAsyncContextManager[Caller]:
        """A call in ``lang`` from ``phone`` or the default one; every caller has a number of their own."""
        phone = phone or self.phone
        return calling(self.store, phone, phone.to, f"{prefix}{next(_serial):07d}", lang, voice)

    @asynccontextmanager
    async def adviser(self, plan: AdviserPlan, name: str = ADVISER) -> AsyncIterator[SimulatedAdviser]:
        """An adviser who is available, and away afterwards."""
        async with self.phone.adviser(name, plan) as adviser:
            await self._is(name, AdviserState.AVAILABLE)

            async def there() -> bool:
                return (await self.states())[name] == AdviserState.AVAILABLE

            await until(there, f"{name} is not available: {await self.states()}", 15)
            try:
                yield adviser
            finally:
                await self._is(name, AdviserState.AWAY)

    async def _is(self, name: str, state: str) -> None:
        async with queues.connect(self.settings) as ami:
            await queues.set_state(ami, name, state)

    async def states(self) -> dict[str, str]:
        """The advisers' states."""
        async with queues.connect(self.settings) as ami:
            return {one.id: one.state for one in (await queues.queue_status(ami))[0]}

    # what was said

    async def heard_as(self, pcm: bytes, lang: str) -> str:
        """What a recogniser understands of s16le at 16 kHz; of more than 28 s the beginning."""
        utterance = self.ears.utterance([lang])
        utterance.feed(pcm[: 28 * 32_000])
        return (await utterance.decode()).text

    async def answer_in(self, pcm: bytes, lang: str) -> str:
        """The intent whose spoken answer of today this audio is nearest to."""
        text = await self.heard_as(pcm, lang)
        return await asyncio.to_thread(nearest_answer, self.office, self.settings, lang, text)

    async def share(self, said: events.Said, record: Record) -> float:
        """How much of a prompt the caller heard, about when the service says it spoke: 0 to 1."""
        pcm = await self._prompts.audio_or_render(said.text, said.lang)
        part = sounds.cut(record.heard, said.start_s - 0.5, said.start_s + said.length_s + 3.0)
        return await sounds.share_of(pcm, part)

    async def share_of_phrase(self, key: str, lang: str, heard: bytes, /, **fields: str) -> float:
        """How much of a phrase is somewhere in what was heard: 0 to 1."""
        pcm = await self._prompts.audio_or_render(self.office.phrases.text(lang, key, **fields), lang)
        return await sounds.share_of(pcm, heard)

    # what is there

    async def lines(self) -> tuple[set[str], dict[str, set[str]]]:
        """Ids of all channels; of all bridges, with the channels in each."""
        channels, bridges = await asyncio.gather(self.ari.channels(), self.ari.bridges())
        return {channel.id for channel in channels}, {name: set(held) for name, held in bridges.items()}

    async def drop_media(self, call_id: str) -> None:
        """Tear down the media channel of a call, and with it our socket."""
        _, bridges = await self.lines()
        (held,) = (channels for channels in bridges.values() if call_id in channels)
        (media,) = held - {call_id}
        await self.ari.hangup(media)

    async def empty(self) -> None:
        """Until Asterisk holds no channel and no bridge at all."""

        async def nothing() -> bool:
            return not any(await self.lines())

        try:
            await until(nothing, "left over", 10)
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self.lines()}") from None
        shown = await self.asterisk.command("core show channels")
        assert "0 active channels" in shown and "0 active calls" in shown, shown

    async def command(self, *arguments: str) -> str:
        """What ``ivr ARGUMENTS`` prints for this service."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ivr.cli", *arguments, cwd=self.settings.root,
            env=environment(self.settings), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return output.decode()

    async def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What ``ivr ARGUMENTS --json`` prints."""
        return [json.loads(line) for line in (await self.command(*arguments, "--json")).splitlines()]

    def log(self) -> str:
        """What the worker has logged."""
        path = self.settings.state / "logs/worker.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    async def close(self) -> None:
        """Close what looks into it."""
        self.store.close()
        await self._prompts.close()
        await self.ari.close()


@asynccontextmanager
async def open_service(settings: Settings, ears: Recogniser) -> AsyncIterator[RunningService]:
    """The whole service and a telephone; everything it left behind is removed afterwards."""
    try:
        async with Supervisor(settings).running() as supervisor, Softphone(settings) as phone:
            service = RunningService(settings, ears, supervisor.asterisk, phone, supervisor)
            try:
                yield service
            finally:
                await service.close()
    finally:
        await asyncio.to_thread(remove, settings)


async def registered(service: RunningService) -> None:
    """Until a worker holds the application's name."""

    async def held() -> bool:
        try:
            return await service.ari.application() is not None
        except AriError:
            return False

    await until(held, "no worker is registered", 60)


async def new_worker(service: RunningService, old: int) -> None:
    """Until another worker is there to take calls."""

    async def there() -> bool:
        pid = service.supervisor.worker_pid
        return pid not in (0, old) and linked(pid, service.settings.http_port)

    await until(there, "the worker was not started again", 60)
    await registered(service)
