"""A failing job is restarted with growing pauses and does not delay the others."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import sys
from collections.abc import Callable
from itertools import pairwise

import httpx
import pytest

from ivr.console.jobs.registry import RESTART_MAX_S, keep_running
from ivr.core.settings import Settings
from ivr.service.child_process import ChildProcess
from tests.console.running_console import until_up
from tests.service.calls.store import until


class Failing:
    name = "failing"

    def __init__(self) -> None:
        self.starts: list[float] = []

    async def run(self) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        raise ValueError("no")


class Steady:
    name = "steady"

    def __init__(self) -> None:
        self.rounds = 0

    async def run(self) -> None:
        while True:
            self.rounds += 1
            await asyncio.sleep(1.0)


@pytest.mark.virtual_time
async def test_a_failing_job_is_restarted_and_does_not_delay_others(caplog: pytest.LogCaptureFixture) -> None:
    failing, steady = Failing(), Steady()

    def failing_constructor() -> Steady:
        raise ValueError("not created")

    jobs = [
        asyncio.create_task(keep_running(make))
        for make in (lambda: failing, failing_constructor, lambda: steady)
    ]
    await asyncio.sleep(600.0)
    for job in jobs:
        job.cancel()
    pauses = [later - earlier for earlier, later in pairwise(failing.starts)]
    assert pauses == sorted(pauses) and pauses[0] <= 2.0 and pauses[-1] == RESTART_MAX_S
    assert steady.rounds == 600
    assert "ALARM: failing failed" in caplog.text and "ALARM: a job failed" in caplog.text


# the process


async def wait_until(check: Callable[[], bool]) -> None:
    async def probe() -> bool:
        return check()

    await until(probe, "it did not happen")


def client_of(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.console_port}")


async def test_a_console_that_is_killed_comes_back(settings: Settings) -> None:
    console = ChildProcess(settings, "ivr.console", "console")
    console.supervise()
    try:
        async with client_of(settings) as client:
            await until_up(client)
            first = console.pid
            os.kill(first, signal.SIGKILL)
            await wait_until(lambda: console.pid not in (0, first))
            await until_up(client)
    finally:
        await console.stop()
    assert console.pid == 0
    assert "Traceback" not in (settings.state / "logs/console.log").read_text()


async def test_a_port_in_use_raises_an_alarm_and_the_server_starts_when_it_is_free(
    settings: Settings,
) -> None:
    console = ChildProcess(settings, "ivr.console", "console")
    with socket.create_server(("127.0.0.1", settings.console_port)):
        console.supervise()
        log = settings.state / "logs/console.log"
        await wait_until(lambda: log.exists() and "ALARM: http" in log.read_text())
        pid = console.pid
    try:
        async with client_of(settings) as client:
            await until_up(client)
        assert console.pid == pid, "the process and its other jobs went on"
    finally:
        await console.stop()


async def test_a_process_that_cannot_start_is_tried_again_and_can_be_stopped(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    child = ChildProcess(
        dataclasses.replace(settings, var=settings.var / "x"), "ivr.no_such_module", "nobody"
    )
    child.supervise()
    await wait_until(lambda: caplog.text.count("ALARM: the nobody ended (status 1)") >= 2)
    await child.stop()
    assert sys.executable in (child.settings.state / "logs/nobody.log").read_text()
