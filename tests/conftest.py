"""Fixtures for all tests.

``async def`` tests share one event loop for the whole session, so that one Asterisk can serve several tests.  With
``@pytest.mark.virtual_time`` a test gets a loop of its own whose clock jumps to the next timer when nothing else is
ready: a 90 s call takes milliseconds.  Such tests use no sockets, except with ``virtual_time(sockets=True)``, which
polls them briefly before each jump.

``make test`` runs the folders side by side (pytest-xdist).  A folder's tests stay in one process, because they share
engines and services.  Real calls run first, in a process of their own.  Tests without real audio have a lower
priority, because a late process is audible in a call.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from ivr.asterisk.config import remove, render
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.process import Asterisk
from ivr.core.settings import Settings, load
from tests.fakes.clock import VirtualLoop

pytest_plugins = ("tests.speech.engines",)

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
SOCKET_GRACE_S = 0.001
Run = Callable[[Coroutine[Any, Any, T]], T]


hypothesis.settings.register_profile(
    "accueil",
    deadline=None,  # a loaded machine is not a defect
    max_examples=60,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("accueil")


CALLS = "service/calls"
LONGEST_FIRST = (CALLS, "asterisk", "speech", "console", "nlu", "evaluation")
"""Folders in the order in which processes take them; the other folders follow."""
REAL_TIME = (CALLS, "asterisk", "simulator")
"""Folders whose tests hear real audio."""
OTHERS_NICE = 19
"""nice(2) value of a process while it runs the tests of other folders."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time(sockets=False): run the coroutine on a clock that jumps")
    config.addinivalue_line("markers", "slow: takes long without a telephone; not in the fast half")
    config.addinivalue_line("markers", "asterisk: needs root and the private Asterisk; runs real calls")


def folder_of(nodeid: str) -> str:
    """The folder whose tests stay together: ``service/calls``, or the first one below ``tests``.

    nodeid: pytest's name of a test, such as ``tests/core/test_text.py::test_wording``.
    """
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return CALLS if path.startswith(f"{CALLS}/") else path.split("/")[0]


class FolderScheduling(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives each process whole folders."""

    def _split_scope(self, nodeid: str) -> str:
        return folder_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """pytest-xdist asks here how to spread the tests."""
    return FolderScheduling(config, log)


def is_parallel(config: pytest.Config) -> bool:
    """Whether this process is one of several that pytest-xdist has started."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not is_parallel(config):
        return
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(folder_of(item.nodeid), len(order)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if is_parallel(item.config):
        os.setpriority(os.PRIO_PROCESS, 0, 0 if folder_of(item.nodeid) in REAL_TIME else OTHERS_NICE)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of all tests that are not in virtual time."""
    with asyncio.Runner() as shared:
        yield shared


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    test = pyfuncitem.obj(**arguments)
    virtual = pyfuncitem.get_closest_marker("virtual_time")
    if virtual:
        grace_s = SOCKET_GRACE_S if virtual.kwargs.get("sockets") else 0.0
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(grace_s)) as own:
            own.run(test)
    else:
        shared: asyncio.Runner = pyfuncitem._request.getfixturevalue("runner")
        shared.run(test)
    return True


class Resident:
    """Holds an asynchronous context manager open between tests, in a task of its own."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter ``manager`` until ``leave`` and return its value."""
        return self._runner.run(self._enter(manager))

    def leave(self) -> None:
        """Leave the manager; its errors are raised here."""
        self._runner.run(self._leave())

    async def _enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(manager, ready))
        both: set[asyncio.Future[Any]] = {self._task, ready}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await self._task
        return ready.result()

    async def _hold(self, manager: AbstractAsyncContextManager[T], ready: asyncio.Future[T]) -> None:
        async with manager as value:
            ready.set_result(value)
            await self._stop.wait()

    async def _leave(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task


@pytest.fixture(scope="session")
def hold(runner: asyncio.Runner) -> Callable[[], Resident]:
    """Creates a ``Resident`` for fixtures that keep something running."""
    return lambda: Resident(runner)


def free_ports(kind: socket.SocketKind, count: int) -> list[int]:
    """Find ``count`` different free ports of the loopback."""
    probes = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def fresh_settings() -> Settings:
    """Settings of a new instance on free ports, with the Asterisk of the real ``var``."""
    name = f"test-{os.getpid()}-{secrets.token_hex(3)}"
    # each process that runs side by side has 20 ranges of ports
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    rtp = 23_000 + (process % 3 * 20 + secrets.randbelow(20)) * 100
    http_port, console_port, ami_port = free_ports(socket.SOCK_STREAM, 3)
    return dataclasses.replace(
        load(root=ROOT),
        instance=name,
        sip_port=free_ports(socket.SOCK_DGRAM, 1)[0],
        http_port=http_port,
        console_port=console_port,
        ami_port=ami_port,
        rtp_start=rtp,
        rtp_end=rtp + 99,
    )


@pytest.fixture
def settings() -> Iterator[Settings]:
    """A new instance; everything it leaves behind is removed afterwards."""
    fresh = fresh_settings()
    yield fresh
    remove(fresh)


@pytest.fixture
def asterisk(settings: Settings, hold: Callable[[], Resident]) -> Iterator[Asterisk]:
    """The private Asterisk of ``settings``, running with the service's dialplan and default parameters."""
    render(settings, PbxParameters())
    resident = hold()
    yield resident.enter(Asterisk(settings))
    resident.leave()
