"""What a running service shows of itself: where it listens, and where its passwords stand."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from ivr.asterisk import queues
from tests.service.calls.running_service import RunningService
from tests.service.calls.store import until

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]


def processes(service: RunningService) -> list[psutil.Process]:
    """Asterisk, worker, collector, console, and what they have started."""
    supervisor = service.supervisor
    found = [
        psutil.Process(pid)
        for pid in (
            supervisor.asterisk.pid or 0,
            supervisor.worker_pid,
            supervisor.collector_pid,
            supervisor.console_pid,
        )
        if pid
    ]
    assert len(found) == 4
    return [*found, *(child for process in found for child in process.children(recursive=True))]


def rasa(service: RunningService) -> psutil.Process:
    """The Rasa that the service asks."""
    port = f":{service.settings.rasa.rpartition(':')[2]}"
    for process in psutil.Process().children(recursive=True):
        if any(f":{item.laddr.port}" == port for item in _listening(process)):
            return process
    raise AssertionError("nobody serves Rasa")


def _listening(process: psutil.Process) -> list[psutil._common.pconn]:
    """Its open doors: TCP sockets that listen, UDP sockets that are bound and have no peer."""
    try:
        found = process.net_connections("inet")
    except psutil.NoSuchProcess:
        return []
    return [item for item in found if item.laddr and not item.raddr and item.status in ("LISTEN", "NONE")]


async def console_answers(service: RunningService) -> bool:
    """The console is the last to be there."""
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{service.settings.console_port}/healthz")).is_success
    except httpx.HTTPError:
        return False


async def test_nothing_listens_beyond_this_machine(service: RunningService) -> None:
    await until(lambda: console_answers(service), "no console")
    settings = service.settings
    doors = [item for process in [*processes(service), rasa(service)] for item in _listening(process)]
    wide = [item for item in doors if not ipaddress.ip_address(item.laddr.ip).is_loopback]
    # PJSIP's resolver sends its questions from one UDP socket for each family; nothing is served there
    assert all(item.type is socket.SOCK_DGRAM for item in wide), wide
    assert len(wide) == len({item.family for item in wide}) <= 2, wide
    tcp = {item.laddr.port for item in doors if item.type is socket.SOCK_STREAM}
    udp = {item.laddr.port for item in doors if item.type is socket.SOCK_DGRAM and item not in wide}
    rasa_port = int(settings.rasa.rpartition(":")[2])
    assert tcp == {
        settings.sip_tls_port, settings.http_port, settings.ami_port, settings.console_port, rasa_port
    }  # fmt: skip
    sound = set(range(settings.rtp_start, settings.rtp_end + 1))
    assert settings.sip_port in udp and udp - sound == {settings.sip_port}


async def test_no_password_is_in_a_command_line_an_environment_or_a_log(service: RunningService) -> None:
    await until(lambda: console_answers(service), "no console")
    settings = service.settings
    token = settings.secrets["CONSOLE_TOKEN"]
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{settings.console_port}", trust_env=False, timeout=20
    ) as client:
        good, bad = ({"Authorization": f"Bearer {value}"} for value in (token, "wrong"))
        assert (await client.get("/metrics", headers=good)).status_code == 200
        assert (await client.get("/metrics", headers=bad)).status_code == 401
    async with queues.connect(settings) as ami:
        await queues.queue_status(ami)
    async with service.call() as caller:
        await caller.listen(1.0)
    await caller.record()
    shown = dict(await asyncio.to_thread(lambda: list(_shown(service))))
    assert {"worker.log", "console.log", "asterisk.log", "security.log"} <= {
        Path(name).name for name in shown
    }
    for secret, value in settings.secrets.items():
        assert len(value) >= 16, f"{secret} was not made up"
        for name, content in shown.items():
            assert value.encode() not in content, f"{secret} is in {name}"


def _shown(service: RunningService) -> Iterator[tuple[str, bytes]]:
    """All that a running service shows of itself, by where it is seen."""
    for process in [*processes(service), rasa(service)]:
        for name in ("cmdline", "environ"):
            path = Path(f"/proc/{process.pid}") / name
            try:
                yield str(path), path.read_bytes()
            except OSError:
                continue  # it has just ended
    for folder in (service.settings.state / "logs", service.settings.pbx / "log"):
        yield from ((str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file())


async def test_passwords_are_kept_where_only_their_owner_reads(service: RunningService) -> None:
    kept = service.settings.var / "secrets.env"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for path in (service.settings.pbx / "etc").iterdir():
        if any(value in path.read_text("utf-8", "replace") for value in service.settings.secrets.values()):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o007, path.name
