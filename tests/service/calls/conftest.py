"""Fixtures of the real-call tests, and their schedule.

A call takes as long as a call takes, so tests marked ``side_by_side`` run at the same time, as many as ``LANES``
says: each is an ordinary ``async def`` test that takes session fixtures alone.  They come first; what fills the
service comes after them and has it to itself.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import shutil
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path

import pytest

from ivr.asterisk.config import remove
from ivr.core.settings import Settings, load
from ivr.core.text import LANGUAGES
from ivr.nlu.server import RasaServer
from ivr.speech.caller_voices import caller_wav
from ivr.speech.engines import choose
from ivr.speech.stt import Recogniser
from tests.conftest import CALLS, ROOT, Resident, folder_of, free_ports, fresh_settings, is_parallel
from tests.drills.rasa_proxy import RasaProxy
from tests.service.calls.running_service import NewSettings, RunningService, open_service
from tests.service.calls.words import SPOKEN

LANES = {"": 4, "desk": 1, "queue": 1, "night": 1, "drill": 1}
"""Tests at a time: what two cores carry without making each other late; one each with the adviser, with the
service after hours, and with the service that is harmed."""
DESK = {
    """    endpoint: adviser
    languages: [fr, en, es, de, it]
    ring_s: 20
""": """    endpoint: adviser
    languages: [fr, en, es, de, it]
    ring_s: 6
  - name: second
    endpoint: second
    languages: [en]
    ring_s: 6
""",
    "  wrap_up_s: 10 ": "  wrap_up_s: 1 ",
    "  talk_s: 150 ": "  talk_s: 5 ",
}
"""What is changed in callflow.yml for the service of the queue's tests."""
RUSH = {**DESK, "  wait_s: 120 ": "  wait_s: 300 ", "  talk_s: 150 ": "  talk_s: 6 "}
"""The same for the drill with many callers: nobody reaches the limit, and the usual talk is as long as theirs."""
ON_CALL = {
    """    languages: [fr, en, es, de, it]
    ring_s: 20
""": """    languages: [fr, en, es, de, it]
    ring_s: 6
""",
    "on_call: {} ": "on_call: {endpoint: oncall, ring_s: 15, lang: fr} ",
}
"""The same for the service of the drills: a telephone that rings when no adviser is there."""
LONGEST_S = 150
OPEN, CLOSED = "2026-11-24T10:00", "2026-11-24T22:00"
"""A Tuesday, in opening hours and after them."""
Test = Callable[[], Coroutine[None, None, None]]
Begun = tuple[str, str, Test]
"""A test by its name, its lane, and how to begin it."""
TASKS = pytest.StashKey[dict[str, "asyncio.Task[None]"]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "side_by_side(lane): runs at the same time as others; the lane `desk` has the adviser"
    )
    config.stash[TASKS] = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    others = 4 if is_parallel(config) else 0
    items.sort(key=lambda item: _place(item) if folder_of(item.nodeid) == CALLS else others)


def _place(item: pytest.Item) -> int:
    """Long tests first, those that run alone last.

    Tests of other folders come before these in a single process, and after them where processes run side by side.
    """
    marker = item.get_closest_marker("side_by_side")
    return 3 if marker is None else 1 if marker.kwargs.get("early") else 2


def _lane(item: pytest.Item) -> str | None:
    """Where the test runs; None when it wants to run alone."""
    marker = item.get_closest_marker("side_by_side")
    return None if marker is None else str(marker.kwargs.get("lane", ""))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is side by side, or take the result of one that has run meanwhile."""
    __tracebackhide__ = True
    if _lane(pyfuncitem) is None:
        return None
    tasks = pyfuncitem.config.stash[TASKS]
    runner: asyncio.Runner = pyfuncitem._request.getfixturevalue("runner")
    begun = [] if pyfuncitem.nodeid in tasks else _tests(pyfuncitem)
    runner.run(_result_of(pyfuncitem, begun, tasks))
    return True


def _tests(first: pytest.Function) -> list[Begun]:
    """All tests that are side by side, not begun yet; their fixtures are set up now."""
    found = [item for item in first.session.items if isinstance(item, pytest.Function)]
    return [
        (item.nodeid, lane, functools.partial(item.obj, **_arguments(first, item)))
        for item in found
        if (lane := _lane(item)) is not None
    ]


def _arguments(first: pytest.Function, item: pytest.Function) -> dict[str, object]:
    """Its parameters and session fixtures, whichever test asks for them first."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return {
        name: given[name] if name in given else first._request.getfixturevalue(name)
        for name in inspect.signature(item.obj).parameters
    }


async def _result_of(item: pytest.Function, begun: list[Begun], tasks: dict[str, asyncio.Task[None]]) -> None:
    __tracebackhide__ = True
    lanes = {lane: asyncio.Semaphore(places) for lane, places in LANES.items()}
    for name, lane, test in begun:
        tasks[name] = asyncio.create_task(_placed(test, lanes[lane]), name=name)
    try:
        await tasks[item.nodeid]
    except asyncio.CancelledError:
        for task in tasks.values():
            task.cancel()
        raise


async def _placed(test: Test, places: asyncio.Semaphore) -> None:
    __tracebackhide__ = True
    async with places, asyncio.timeout(LONGEST_S):
        await test()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows what the worker had logged."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's Result
    if report.failed and isinstance(item, pytest.Function):
        for service in (value for value in item.funcargs.values() if isinstance(value, RunningService)):
            report.sections.append(("worker log", service.log()[-6000:]))


@pytest.fixture(scope="session")
def rasa(hold: Callable[[], Resident]) -> Iterator[str]:
    """The address of one Rasa for all services."""
    port = free_ports(socket.SOCK_STREAM, 1)[0]
    settings = dataclasses.replace(fresh_settings(), rasa_port=port)
    if settings.rasa_url:
        yield settings.rasa_url
        return
    resident = hold()
    resident.enter(RasaServer(settings))
    yield settings.rasa
    resident.leave()
    remove(settings)


@pytest.fixture(scope="session")
def ears(runner: asyncio.Runner) -> Iterator[Recogniser]:
    """A recogniser of the tests' own, for what the service said."""
    recogniser = choose(load(root=ROOT), LANGUAGES, "whisper")
    yield recogniser
    runner.run(recogniser.close())


@pytest.fixture(scope="session")
def callers() -> None:
    """All that callers say is spoken before the first of them calls."""
    for lang, text, voice in SPOKEN:
        caller_wav(lang, text, voice)


@pytest.fixture(scope="session")
def settled(rasa: str, callers: None) -> NewSettings:
    """Makes settings of a fresh instance: Rasa shared, the clock stopped in opening hours."""

    def make(today: str = OPEN) -> Settings:
        return dataclasses.replace(fresh_settings(), rasa_url=rasa, today=today, database_url="")

    return make


@pytest.fixture(scope="session")
def service(hold: Callable[[], Resident], settled: NewSettings, ears: Recogniser) -> Iterator[RunningService]:
    """The service in opening hours; it takes encrypted calls, too."""
    (tls_port,) = free_ports(socket.SOCK_STREAM, 1)
    yield from served(hold, dataclasses.replace(settled(), sip_tls_port=tls_port), ears)


@pytest.fixture(scope="session")
def night(hold: Callable[[], Resident], settled: NewSettings, ears: Recogniser) -> Iterator[RunningService]:
    """The service after hours."""
    yield from served(hold, settled(CLOSED), ears)


@pytest.fixture(scope="session")
def rasa_proxy(hold: Callable[[], Resident], rasa: str) -> Iterator[RasaProxy]:
    """What stands between the drills' service and Rasa, and fails on demand."""
    resident = hold()
    yield resident.enter(RasaProxy(rasa))
    resident.leave()


@pytest.fixture(scope="session")
def drill(
    hold: Callable[[], Resident],
    settled: NewSettings,
    rasa_proxy: RasaProxy,
    ears: Recogniser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    """A service whose parts may be killed, and which has a telephone on call."""
    root = changed(tmp_path_factory.mktemp("drill"), ON_CALL)
    yield from served(hold, dataclasses.replace(settled(), root=root, rasa_url=rasa_proxy.url), ears)


@pytest.fixture(scope="session")
def desk(
    hold: Callable[[], Resident],
    settled: NewSettings,
    ears: Recogniser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    """A service with two advisers who talk briefly, and a worker that may be killed."""
    root = changed(tmp_path_factory.mktemp("desk"), DESK)
    yield from served(hold, dataclasses.replace(settled(), root=root), ears)


@pytest.fixture(scope="session")
def hall(
    hold: Callable[[], Resident],
    settled: NewSettings,
    ears: Recogniser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    """The same for many callers."""
    root = changed(tmp_path_factory.mktemp("hall"), RUSH)
    yield from served(hold, dataclasses.replace(settled(), root=root), ears)


def served(hold: Callable[[], Resident], settings: Settings, ears: Recogniser) -> Iterator[RunningService]:
    """A whole service for as long as its fixture lasts."""
    resident = hold()
    yield resident.enter(open_service(settings, ears))
    resident.leave()


def changed(root: Path, changes: Mapping[str, str]) -> Path:
    """A checkout in ``root`` whose callflow.yml is changed so."""
    for name in ("dialplans", "nlu", "voices"):
        shutil.copytree(ROOT / name, root / name)
    flow = root / "dialplans/callflow.yml"
    text = flow.read_text("utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    flow.write_text(text, "utf-8")
    return root
