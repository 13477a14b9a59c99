"""A service of a drill's own with everything that can be harmed about it, and a telephone to call it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import sqlalchemy as sa

from ivr.asterisk.ari import Ari
from ivr.asterisk.config import ARI_USER, remove
from ivr.core import settings as config
from ivr.core.errors import AriError
from ivr.core.settings import Settings
from ivr.service.supervisor import Supervisor
from ivr.simulator.harness import own_instance
from ivr.simulator.softphone import Softphone
from tests.drills.between import Between
from tests.drills.clock import Clock
from tests.drills.ledger import Ledger
from tests.drills.sick import Chart
from tests.postgres import Server, server
from tests.processes import hears, linked

TODAY = "2026-11-24T10:00"
"""Opening hours, and nobody at the desk: who wants a person leaves a message."""


@dataclass(frozen=True)
class Needs:
    """What a drill harms beside worker and Asterisk.

    ``disk_mb``, ``state_mb``: Asterisk's recordings, or the service's own state, on a disk of that size.
    ``weather``: loss, delay and jitter in ms of the relay.
    """

    own_rasa: bool = False
    between: bool = False
    database: bool = False
    sick: bool = False
    clock: bool = False
    prompts: bool = False
    disk_mb: int = 0
    state_mb: int = 0
    weather: tuple[float, float, float] | None = None


@dataclass
class Stage:
    """It all, while it runs."""

    settings: Settings
    service: Supervisor
    phone: Softphone
    ledger: Ledger
    ari: Ari
    to: str
    database: Server | None = None
    between: Between | None = None

    @property
    def chart(self) -> Chart:
        """What ails the worker's engines."""
        return Chart.of(self.settings)

    @property
    def clock(self) -> Clock:
        """The worker's wall clock."""
        return Clock(self.settings.state)

    @property
    def disk(self) -> Path:
        """Where Asterisk records."""
        return recordings(self.settings)

    @property
    def rasa_pid(self) -> int:
        """Its own Rasa's; 0 while it is away."""
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if "rasa" in line and str(self.settings.rasa_port) in line:
                    return process.pid
        return 0

    def pids(self) -> tuple[int, int, int]:
        """Of worker, Asterisk and Rasa."""
        return self.service.worker_pid, self.service.asterisk.pid or 0, self.rasa_pid

    async def whole(self) -> bool:
        """Whether a call would be taken and understood, and stored, now."""
        parts = (self._worker(), self._hears(), self._rasa(), self._stores())
        with contextlib.suppress(TimeoutError, AriError, httpx.HTTPError, sa.exc.SQLAlchemyError):
            async with asyncio.timeout(4):
                return all(await asyncio.gather(*parts))
        return False

    async def _worker(self) -> bool:
        there = linked(self.service.worker_pid, self.settings.http_port)
        return there and await self.ari.application() is not None

    async def _hears(self) -> bool:
        """Its process has its models, and does not stand still."""
        log = self.settings.state / "logs/worker.log"
        with contextlib.suppress(psutil.Error, OSError):
            told = await asyncio.to_thread(log.read_text, "utf-8", "replace")
            stopped = psutil.Process(self.service.recogniser_pid).status() == psutil.STATUS_STOPPED
            return hears(self.service, told) and not stopped
        return False

    async def _rasa(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
            answer = await client.post(f"{self.settings.rasa}/model/parse", json={"text": "hello"})
            return answer.is_success and b"intent_ranking" in answer.content

    async def _stores(self) -> bool:
        return self.database is None or await asyncio.to_thread(self.database._answers)


@asynccontextmanager
async def open_stage(name: str, needs: Needs, rasa_url: str, *, keep: bool = False) -> AsyncIterator[Stage]:
    """Everything up inside the block, and gone after it (``keep``: but for what was recorded)."""
    settings = dataclasses.replace(
        own_instance(config.load(), f"drill-{name}-{os.getpid()}"), rtp_start=26000, rtp_end=26399,
        today=TODAY, rasa_url="" if needs.own_rasa else rasa_url,
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        database = between = None
        if not keep:
            stack.callback(remove, settings)
        if needs.prompts:
            settings = dataclasses.replace(settings, var=await asyncio.to_thread(_own_prompts, settings))
        if not keep:
            stack.callback(remove, settings)
        if needs.database:
            database = await asyncio.to_thread(stack.enter_context, server())
            settings = dataclasses.replace(settings, database_url=database.database("drill"))
        if needs.between:
            between = await stack.enter_async_context(Between(rasa_url))
            settings = dataclasses.replace(settings, rasa_url=between.url)
        if needs.disk_mb:
            await stack.enter_async_context(_disk(recordings(settings), needs.disk_mb))
        if needs.state_mb:
            await stack.enter_async_context(_disk(settings.state, needs.state_mb))
        service = Supervisor(settings)
        if needs.sick or needs.clock:
            crew = service._crew
            crew.worker = "tests.drills.sick" if needs.sick else crew.worker
            crew.worker_environment = (
                await asyncio.to_thread(Clock(settings.state).make) if needs.clock else {}
            )
        await stack.enter_async_context(service.running())
        phone = await stack.enter_async_context(Softphone(settings))
        ari = Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app, timeout=3.0)
        await stack.enter_async_context(ari)
        to = phone.to
        if needs.weather is not None:
            to = await stack.enter_async_context(_relay(settings, needs.weather))
        ledger = Ledger(settings)
        stack.callback(ledger.close)
        following = asyncio.create_task(ledger.follow())
        stack.callback(following.cancel)
        yield Stage(settings, service, phone, ledger, ari, to, database, between)


def recordings(settings: Settings) -> Path:
    """The folder of messages that Asterisk writes."""
    return settings.pbx / "spool/recording"


def _own_prompts(settings: Settings) -> Path:
    """A ``var`` that is the real one but for the rendered prompts, which are copies."""
    own = settings.var / "state" / settings.instance / "var"
    own.mkdir(parents=True)
    for path in settings.var.iterdir():
        if path.name not in ("prompts", "state"):
            (own / path.name).symlink_to(path)
    (own / "state").mkdir()
    (own / "prompts").mkdir()
    for path in (settings.var / "prompts").glob("*.wav"):
        os.link(path, own / "prompts" / path.name)
    return own


@asynccontextmanager
async def _disk(folder: Path, size_mb: int) -> AsyncIterator[None]:
    """The folder is a small disk of its own."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await _run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0777", "tmpfs", str(folder))
    try:
        yield
    finally:
        await _run("umount", "--lazy", str(folder))


@asynccontextmanager
async def _relay(settings: Settings, weather: tuple[float, float, float]) -> AsyncIterator[str]:
    """A bad network; yields where the service is called through it."""
    command = ["-m", "tests.drills.relay", str(settings.sip_port), *map(str, weather)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"sip:accueil@127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise OSError(f"{command[0]} failed")
