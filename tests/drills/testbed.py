"""The testbed of a drill: a service of its own, parts that can fail on demand, and a telephone to call it."""

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
from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.nlu.client import HttpClassifier
from ivr.service.supervisor import Supervisor
from ivr.simulator.harness import own_instance
from ivr.simulator.softphone import Softphone
from tests.drills.clock import Clock
from tests.drills.event_log import EventLog
from tests.drills.faulty_worker import FaultSwitch
from tests.drills.rasa_proxy import RasaProxy
from tests.postgres import Server, server
from tests.processes import hears, linked

TODAY = "2026-11-24T10:00"
"""During opening hours.  Nobody is at the desk, so callers who want a person leave a message."""


@dataclass(frozen=True)
class Needs:
    """What a drill needs besides worker and Asterisk.

    own_rasa: a Rasa of its own.
    rasa_proxy: a proxy before Rasa that can answer wrongly.
    database: a PostgreSQL server.
    engine_faults: a worker whose engines fail on demand.
    clock: a worker whose clock can be wrong.
    prompts: a copy of the rendered prompts.
    console: the console.
    disk_mb, state_mb: a disk of this size for Asterisk's recordings, or for the service's state; 0: none.
    frozen_mb: a disk of this size for the service's state that can be frozen; 0: none.
    conditions: loss (0 to 1), delay and jitter in ms of the network, or None.
    """

    own_rasa: bool = False
    rasa_proxy: bool = False
    database: bool = False
    engine_faults: bool = False
    clock: bool = False
    prompts: bool = False
    console: bool = False
    disk_mb: int = 0
    state_mb: int = 0
    frozen_mb: int = 0
    conditions: tuple[float, float, float] | None = None


@dataclass
class Testbed:
    """The running testbed; ``to`` is the SIP address of the service."""

    settings: Settings
    service: Supervisor
    phone: Softphone
    event_log: EventLog
    ari: Ari
    to: str
    database: Server | None = None
    rasa_proxy: RasaProxy | None = None

    @property
    def fault_switch(self) -> FaultSwitch:
        """Sets the fault of the worker's engines."""
        return FaultSwitch.of(self.settings)

    @property
    def clock(self) -> Clock:
        """The worker's wall clock."""
        return Clock(self.settings.state)

    @property
    def disk(self) -> Path:
        """Where Asterisk records messages."""
        return recordings(self.settings)

    @property
    def rasa_pid(self) -> int:
        """Process id of the testbed's own Rasa; 0 while it does not run."""
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if "rasa" in line and str(self.settings.rasa_port) in line:
                    return process.pid
        return 0

    def pids(self) -> tuple[int, ...]:
        """Process ids of worker, Asterisk, Rasa, classifier, collector and console."""
        service = self.service
        return (
            service.worker_pid, service.asterisk.pid or 0, self.rasa_pid, service.classifier_pid,
            service.collector_pid, service.console_pid,
        )  # fmt: skip

    async def is_working(self) -> bool:
        """Whether a call would be answered, understood and stored now."""
        parts = (
            self._worker_ready(),
            self._recogniser_ready(),
            self._rasa_ready(),
            self._classifier_ready(),
            self._database_ready(),
            self._console_ready(),
        )
        with contextlib.suppress(TimeoutError, AriError, httpx.HTTPError, sa.exc.SQLAlchemyError):
            async with asyncio.timeout(4):
                return all(await asyncio.gather(*parts))
        return False

    async def _worker_ready(self) -> bool:
        connected = linked(self.service.worker_pid, self.settings.http_port)
        return connected and await self.ari.application() is not None

    async def _recogniser_ready(self) -> bool:
        """Whether the recogniser has its models and is not stopped."""
        log = self.settings.state / "logs/worker.log"
        with contextlib.suppress(psutil.Error, OSError):
            told = await asyncio.to_thread(log.read_text, "utf-8", "replace")
            stopped = psutil.Process(self.service.recogniser_pid).status() == psutil.STATUS_STOPPED
            return hears(self.service, told) and not stopped
        return False

    async def _rasa_ready(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
            answer = await client.post(f"{self.settings.rasa}/model/parse", json={"text": "hello"})
            return answer.is_success and b"intent_ranking" in answer.content

    async def _classifier_ready(self) -> bool:
        async with HttpClassifier.local(self.settings.classifier_socket) as classifier:
            return await classifier.ready()

    async def _database_ready(self) -> bool:
        return self.database is None or await asyncio.to_thread(self.database._answers)

    async def _console_ready(self) -> bool:
        """Whether the collector runs, and the console answers where there is one."""
        if not self.settings.console_port:
            return self.service.collector_pid != 0
        async with httpx.AsyncClient(trust_env=False, timeout=3) as client:
            return (await client.get(f"http://127.0.0.1:{self.settings.console_port}/healthz")).is_success


@asynccontextmanager
async def open_testbed(
    name: str, needs: Needs, rasa_url: str, *, keep: bool = False
) -> AsyncIterator[Testbed]:
    """Start a testbed for the drill ``name``, and remove it on exit.

    needs: its parts.
    rasa_url: address of the Rasa that drills share.
    keep: keep recordings, store and logs.
    """
    settings = dataclasses.replace(
        own_instance(config.load(), f"drill-{name}-{os.getpid()}"),
        rtp_start=26000,
        rtp_end=26399,
        today=TODAY,
        record_free_mb=0,  # the disks of some drills are small, and recordings shall fill them
        rasa_url="" if needs.own_rasa else rasa_url,
        console_port=free_port() if needs.console else 0,
    )
    async with AsyncExitStack() as stack:
        database = rasa_proxy = None
        if not keep:
            stack.callback(remove, settings)
        if needs.prompts:
            settings = dataclasses.replace(settings, var=await asyncio.to_thread(_own_prompts, settings))
        if not keep:
            stack.callback(remove, settings)
        if needs.database:
            database = await asyncio.to_thread(stack.enter_context, server())
            settings = dataclasses.replace(settings, database_url=database.database("drill"))
        if needs.rasa_proxy:
            rasa_proxy = await stack.enter_async_context(RasaProxy(rasa_url))
            settings = dataclasses.replace(settings, rasa_url=rasa_proxy.url)
        if needs.disk_mb:
            await stack.enter_async_context(_disk(recordings(settings), needs.disk_mb))
        if needs.state_mb:
            await stack.enter_async_context(_disk(settings.state, needs.state_mb))
        if needs.frozen_mb:
            await stack.enter_async_context(_frozen_disk(settings.state, needs.frozen_mb))
        service = Supervisor(settings)
        await asyncio.to_thread(_replace_worker, service, needs)
        await stack.enter_async_context(service.running())
        phone = await stack.enter_async_context(Softphone(settings))
        ari = Ari(settings.ari_url, ARI_USER, settings.secrets["ARI_PASSWORD"], settings.app, timeout=3.0)
        await stack.enter_async_context(ari)
        to = phone.to
        if needs.conditions is not None:
            to = await stack.enter_async_context(_relay(settings, needs.conditions))
        event_log = EventLog(settings)
        stack.callback(event_log.close)
        following = asyncio.create_task(event_log.follow())
        stack.callback(following.cancel)
        yield Testbed(settings, service, phone, event_log, ari, to, database, rasa_proxy)


def _replace_worker(service: Supervisor, needs: Needs) -> None:
    """Start a worker with faulty engines or a wrong clock, if the drill needs one."""
    group = service._group
    if needs.engine_faults:
        group.worker = "tests.drills.faulty_worker"
    if needs.clock:
        group.worker_environment = Clock(service.settings.state).make()


def recordings(settings: Settings) -> Path:
    """The folder into which Asterisk records messages."""
    return settings.pbx / "spool/recording"


def _own_prompts(settings: Settings) -> Path:
    """Make a ``var`` with links to the real one, and links to each rendered prompt."""
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
    """Mount a small disk at ``folder``."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0777", "tmpfs", str(folder))
    try:
        yield
    finally:
        await run("umount", "--lazy", str(folder))


@asynccontextmanager
async def _frozen_disk(folder: Path, size_mb: int) -> AsyncIterator[None]:
    """Mount a small disk at ``folder`` that fsfreeze(8) can freeze: ext4 in a file, by a loop device."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    image = folder.with_name(f"{folder.name}.ext4")
    await run("truncate", "--size", f"{size_mb}M", str(image))
    try:
        await run("mkfs.ext4", "-q", str(image))
        await run("mount", "-o", "loop", str(image), str(folder))
        try:
            await run("chmod", "0777", str(folder))
            yield
        finally:
            await run("umount", "--lazy", str(folder))
    finally:
        await asyncio.to_thread(image.unlink)


@asynccontextmanager
async def _relay(settings: Settings, conditions: tuple[float, float, float]) -> AsyncIterator[str]:
    """Start a bad network; yields the SIP address of the service behind it."""
    command = ["-m", "tests.drills.relay", str(settings.sip_port), *map(str, conditions)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"sip:accueil@127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def run(*command: str) -> None:
    """Run a command; raises OSError when it fails."""
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise OSError(f"{command[0]} failed")
