"""A supervised process is started again when it ends, until it is stopped or retired."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest

from ivr.core.errors import SetupError
from ivr.core.heartbeat import VARIABLE, Heartbeat
from ivr.core.processes import RestartBackoff, own_group
from ivr.core.supervised_process import Liveness, SupervisedProcess
from tests.conftest import ROOT


class Shell:
    """Starts a shell script, and fails to as often as it is told."""

    def __init__(self, script: str, *failures: Exception) -> None:
        self._script, self._failures = script, list(failures)
        self.started: list[Process] = []

    async def start(self) -> Process:
        if self._failures:
            raise self._failures.pop()
        self.started.append(
            await asyncio.create_subprocess_exec(
                "sh", "-c", self._script, stdin=DEVNULL, stdout=PIPE, preexec_fn=own_group
            )
        )
        return self.started[-1]


@asynccontextmanager
async def supervised(shell: Shell, stop_s: float = 5.0) -> AsyncIterator[SupervisedProcess]:
    process = SupervisedProcess("the shell", shell.start, RestartBackoff(1.0), stop_s=stop_s)
    process.supervise()
    try:
        yield process
    finally:
        await process.stop()


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.02)


async def test_it_is_started_again_after_its_death(caplog: pytest.LogCaptureFixture) -> None:
    shell = Shell("exec sleep 60")
    async with supervised(shell) as process:
        await until(lambda: process.pid != 0)
        first = process.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: process.pid == 0)
        assert process.last_pid == first
        await until(lambda: process.pid not in (0, first))
    assert process.pid == 0 and len(shell.started) == 2
    assert "ALARM: the shell ended (signal SIGKILL); starting it again" in caplog.text


async def test_a_start_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(Shell("exec sleep 60", SetupError("no port"), OSError("no memory"))) as process:
        await until(lambda: process.pid != 0)
    assert [record.getMessage() for record in caplog.records] == [
        "ALARM: the shell cannot be started (no memory); trying again",
        "ALARM: the shell cannot be started (no port); trying again",
    ]


async def test_the_failure_of_a_launch_is_raised() -> None:
    process = SupervisedProcess(
        "the shell", Shell("", OSError("no memory")).start, RestartBackoff(1.0), stop_s=1
    )
    with pytest.raises(OSError, match="no memory"):
        await process.launch()
    assert not await process.stop()


async def test_what_was_launched_is_not_started_twice() -> None:
    shell = Shell("exec sleep 60")
    process = SupervisedProcess("the shell", shell.start, RestartBackoff(1.0), stop_s=5.0)
    await process.launch()
    launched = process.pid
    process.supervise()
    os.kill(launched, signal.SIGKILL)
    await until(lambda: process.pid not in (0, launched))
    assert await process.stop() and not await process.stop()
    assert len(shell.started) == 2


@pytest.mark.parametrize("script", ["trap '' TERM; echo; while :; do sleep 60; done", "echo; exec sleep 60"])
async def test_one_that_ignores_the_signal_or_is_halted_is_stopped_with_its_children(script: str) -> None:
    shell = Shell(script)
    async with supervised(shell, stop_s=0.2) as process:
        await until(lambda: process.pid != 0)
        assert shell.started[0].stdout is not None
        await shell.started[0].stdout.readline()
        whole = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGSTOP)
    await until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in whole))
    assert len(shell.started) == 1


async def test_one_that_is_retired_ends_in_its_own_time(caplog: pytest.LogCaptureFixture) -> None:
    shell = Shell("trap 'exit 0' USR1; echo; while :; do sleep 0.1; done")
    async with supervised(shell) as process:
        await until(lambda: process.pid != 0)
        assert shell.started[0].stdout is not None
        await shell.started[0].stdout.readline()
        await process.retire(signal.SIGUSR1)
        assert process.pid == 0 and not process.supervised
    assert len(shell.started) == 1 and not caplog.records


async def test_what_a_death_leaves_is_cleaned_up_before_the_next_start() -> None:
    shell = Shell("exec sleep 60")
    cleaned: list[int] = []

    async def clean_up() -> None:
        cleaned.append(len(shell.started))

    process = SupervisedProcess("the shell", shell.start, RestartBackoff(1.0), stop_s=5.0, on_end=clean_up)
    process.supervise()
    await until(lambda: process.pid != 0)
    os.kill(process.pid, signal.SIGKILL)
    await until(lambda: len(shell.started) == 2)
    await process.stop()
    assert cleaned == [1]


BEATS = """
import asyncio, os, sys, time
from ivr.core.heartbeat import beat

async def work():
    beat()
    await asyncio.sleep(float(sys.argv[1]))
    time.sleep(60)  # the loop is blocked

asyncio.run(work())
"""


class Beating:
    """Starts a Python process that gives signs of life for some seconds, and then blocks its loop."""

    def __init__(self, good_s: float) -> None:
        self.heartbeat, self._good_s = Heartbeat(), good_s
        self.started: list[Process] = []

    async def start(self) -> Process:
        with self.heartbeat.given() as pipe:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", BEATS, str(self._good_s), cwd=ROOT, env={**os.environ, VARIABLE: str(pipe)},
                stdin=DEVNULL, pass_fds=(pipe,), preexec_fn=own_group,
            )  # fmt: skip
        self.started.append(process)
        return process

    def supervised(self, misses: int, loading: int) -> SupervisedProcess:
        liveness = Liveness(self.heartbeat.seen, misses, loading)
        return SupervisedProcess(
            "the process", self.start, RestartBackoff(1.0), stop_s=5.0, liveness=liveness
        )


@pytest.mark.parametrize("how", ["halted", "blocked"])
async def test_one_that_hangs_is_killed_and_replaced(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Stopped by a signal that nobody takes back, or with a loop that waits for something else."""
    beating = Beating(good_s=60.0 if how == "halted" else 1.5)
    process = beating.supervised(misses=2, loading=30)
    process.supervise()
    await until(lambda: process.pid != 0)
    first = process.pid
    if how == "halted":
        await asyncio.sleep(3.0)  # it has shown life by now, as its liveness has seen
        os.kill(first, signal.SIGSTOP)
    await until(lambda: process.pid not in (0, first))
    await process.stop()
    assert [record.getMessage() for record in caplog.records][:2] == [
        "ALARM: the process has shown no sign of life for 2 s; ending it",
        "ALARM: the process ended (signal SIGKILL); starting it again",
    ]
    assert not psutil.pid_exists(first)


async def test_one_that_never_shows_life_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    shell = Shell("exec sleep 60")
    asked: list[int] = []

    async def check() -> bool:
        asked.append(1)
        await asyncio.Event().wait()  # a question without an answer
        return True

    process = SupervisedProcess(
        "the shell",
        shell.start,
        RestartBackoff(1.0),
        stop_s=5.0,
        liveness=Liveness(check, 1, 3, every_s=0.05),
    )
    process.supervise()
    await until(lambda: len(shell.started) == 2)
    await process.stop()
    assert len(asked) >= 3 and "no sign of life for 0.15 s" in caplog.text


async def test_one_that_lives_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Also when its supervisor was held up: the signs of that time wait in the pipe."""
    beating = Beating(good_s=60.0)
    process = beating.supervised(misses=1, loading=30)
    process.supervise()
    await until(lambda: process.pid != 0)
    await asyncio.sleep(2.0)
    time.sleep(2.5)  # noqa: ASYNC251  # the supervisor hangs
    await asyncio.sleep(1.5)
    await process.stop()
    assert len(beating.started) == 1 and not caplog.records
