"""The faults of the worst day: each function injects one, waits, and removes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.drills.testbed import Needs, Testbed, run
from tests.fakes.wrong_files import WRONG, lift, places

FROZEN_S = 12.0
"""Seconds that a process is stopped, a part answers wrongly, a disk is full, or a database is down."""
PAUSED_S = 8.0
"""Seconds that a process or a disk stands still and goes on by itself, before it would be replaced."""
HUNG_DATABASE_S = 45.0
"""Seconds that a database hangs: longer than every limit of a connection."""
STEP_S, FROZEN_STEP_S = 2.0, 8.0
"""Longest silence that a caller may hear: normally, and while a process is stopped."""
SPARE_KB = 64
"""Space left on a full disk: four seconds of a message."""

Injector = Callable[[Testbed], Awaitable[None]]


async def kill_worker(testbed: Testbed) -> None:
    os.kill(testbed.service.worker_pid, signal.SIGKILL)


async def freeze_worker(testbed: Testbed) -> None:
    await _frozen(testbed.service.worker_pid)


async def kill_recogniser(testbed: Testbed) -> None:
    os.kill(testbed.service.recogniser_pid, signal.SIGKILL)


async def freeze_recogniser(testbed: Testbed) -> None:
    """Stop the recogniser until its supervisor kills it."""
    os.kill(testbed.service.recogniser_pid, signal.SIGSTOP)


async def kill_asterisk(testbed: Testbed) -> None:
    await testbed.service.asterisk.kill()


async def freeze_asterisk(testbed: Testbed) -> None:
    await _frozen(testbed.service.asterisk.pid or 0)


async def kill_rasa(testbed: Testbed) -> None:
    os.killpg(testbed.rasa_pid, signal.SIGKILL)


async def freeze_rasa(testbed: Testbed) -> None:
    await _frozen(testbed.rasa_pid)


async def kill_classifier(testbed: Testbed) -> None:
    os.kill(testbed.service.classifier_pid, signal.SIGKILL)


async def freeze_both_classifiers(testbed: Testbed) -> None:
    """Stop Rasa for a while, and the classifier process until its supervisor kills it."""
    os.kill(testbed.service.classifier_pid, signal.SIGSTOP)
    await _frozen(testbed.rasa_pid)


async def _frozen(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(PAUSED_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def hang(process: Callable[[Testbed], int]) -> Injector:
    """Stop a process for good: nobody but its supervisor ends it."""

    async def hung(testbed: Testbed) -> None:
        os.kill(process(testbed), signal.SIGSTOP)

    return hung


async def kill_database(testbed: Testbed) -> None:
    """Stop PostgreSQL as a power failure would, and start it again later."""
    assert testbed.database is not None
    await asyncio.to_thread(testbed.database.stop, signal.SIGQUIT)
    await asyncio.sleep(FROZEN_S)
    await asyncio.to_thread(testbed.database.start)


def freeze_database(seconds: float) -> Injector:
    """Stop PostgreSQL with all its connections: neither an answer nor a refusal."""

    async def database(testbed: Testbed) -> None:
        assert testbed.database is not None
        testbed.database.pause()
        try:
            await asyncio.sleep(seconds)
        finally:
            testbed.database.resume()

    return database


async def freeze_state(testbed: Testbed) -> None:
    """Let every write to the disk of journal, store, logs and audio capture wait (fsfreeze(8))."""
    state = str(testbed.settings.state)
    await run("fsfreeze", "--freeze", state)
    try:
        await asyncio.sleep(PAUSED_S)
    finally:
        await run("fsfreeze", "--unfreeze", state)


def rasa_fault(name: str) -> Injector:
    """Rasa answers in the way ``name`` for a while."""

    async def rasa(testbed: Testbed) -> None:
        assert testbed.rasa_proxy is not None
        testbed.rasa_proxy.fault = name
        await asyncio.sleep(FROZEN_S)
        testbed.rasa_proxy.fault = ""

    return rasa


def engine_fault(name: str) -> Injector:
    """An engine of the worker has the fault ``name`` for a while."""

    async def engine(testbed: Testbed) -> None:
        testbed.fault_switch.write(name)
        await asyncio.sleep(FROZEN_S)
        testbed.fault_switch.write("")

    return engine


async def fill_disk(testbed: Testbed) -> None:
    """Fill the disk that messages are recorded on."""
    await _fill(testbed.disk, SPARE_KB)


async def fill_state(testbed: Testbed) -> None:
    """Fill the disk of the journal, the database file, the logs and the audio capture to the last byte."""
    await _fill(testbed.settings.state, 0)


async def leave_wrong_files(testbed: Testbed) -> None:
    """Leave a file of every wrong kind in every spool folder, and take away after a while what is left of them."""
    made = await asyncio.to_thread(_leave_wrong_files, testbed)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        for path in made:
            lift(path)
            if path.is_file() and not path.is_symlink():
                path.unlink()


def _leave_wrong_files(testbed: Testbed) -> list[Path]:
    made: list[Path] = []
    for number, make in enumerate(WRONG.values()):
        name = f"0bad-{time.monotonic_ns()}-{number}"
        for path in places(testbed.settings, name, call=name):
            if path.parent.is_dir() and not os.path.lexists(path):
                make(path)
                made.append(path)
    return made


async def _fill(disk: Path, spare_kb: int) -> None:
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free - spare_kb * 1024
    # other processes write to it meanwhile
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        file.write(bytes(max(0, free)))
    await asyncio.sleep(FROZEN_S)
    ballast.unlink()


def jump(seconds: int) -> Injector:
    """The worker's wall clock is wrong by ``seconds`` for a while; the machine's clock stays right."""

    async def clock(testbed: Testbed) -> None:
        testbed.clock.set(seconds)
        await asyncio.sleep(FROZEN_S)
        testbed.clock.set(0)

    return clock


async def lose_prompts(testbed: Testbed) -> None:
    """Delete all rendered prompts."""
    for path in (testbed.settings.var / "prompts").glob("*.wav"):
        path.unlink()


async def lose_voice(testbed: Testbed) -> None:
    """No voice renders any text from now on."""
    testbed.fault_switch.write("mute")


async def nothing(testbed: Testbed) -> None:
    """Inject nothing: the testbed itself has the fault."""


@dataclass(frozen=True)
class Drill:
    """One drill.

    what: the fault in words.
    inject: injects the fault and removes it.
    needs: what the testbed must have.
    step_s: longest silence in seconds that passes.
    lines_drop: the fault ends calls, because Asterisk dies.
    kills: the fault ends a process, so another one must replace it.
    always: the fault lasts from the first call to the last; otherwise it is injected at random moments.
    """

    what: str
    inject: Injector
    needs: Needs = field(default_factory=Needs)
    step_s: float = STEP_S
    lines_drop: bool = False
    kills: bool = False
    always: bool = False


def network(loss: float) -> Drill:
    """A drill with ``loss`` percent of the packets lost, and a delay of 40 to 70 ms."""
    return Drill(
        f"{loss:g} % of RTP lost each way, 40 to 70 ms late",
        nothing,
        Needs(conditions=(loss / 100, 40, 30)),
        always=True,
    )


DRILLS = {
    "calm": Drill("nothing: to compare with", nothing, always=True),
    "worker-killed": Drill("SIGKILL to the application", kill_worker, kills=True),
    "worker-frozen": Drill("SIGSTOP to the application, 8 s", freeze_worker, step_s=FROZEN_STEP_S),
    "worker-hung": Drill(
        "SIGSTOP to the application, for good",
        hang(lambda testbed: testbed.service.worker_pid),
        step_s=FROZEN_STEP_S,
        kills=True,
    ),
    "worker-stuck": Drill(
        "one call holds up the application, 20 s",
        engine_fault("stuck"),
        Needs(engine_faults=True),
        step_s=FROZEN_STEP_S,
    ),
    "rasa-killed": Drill("SIGKILL to Rasa", kill_rasa, Needs(own_rasa=True), FROZEN_STEP_S, kills=True),
    "rasa-frozen": Drill("SIGSTOP to Rasa, 8 s", freeze_rasa, Needs(own_rasa=True), FROZEN_STEP_S),
    "rasa-hung": Drill(
        "SIGSTOP to Rasa, for good",
        hang(lambda testbed: testbed.rasa_pid),
        Needs(own_rasa=True),
        FROZEN_STEP_S,
        kills=True,
    ),
    "rasa-slow": Drill(
        "Rasa answers after 5 s, 12 s long", rasa_fault("slow"), Needs(rasa_proxy=True), FROZEN_STEP_S
    ),
    "rasa-errors": Drill("Rasa answers 500, 12 s long", rasa_fault("error"), Needs(rasa_proxy=True)),
    "rasa-garbage": Drill("Rasa answers no JSON, 12 s long", rasa_fault("garbage"), Needs(rasa_proxy=True)),
    "classifier-killed": Drill("SIGKILL to the classifier process", kill_classifier),
    "classifier-hung": Drill(
        "SIGSTOP to the classifier process, for good",
        hang(lambda testbed: testbed.service.classifier_pid),
        kills=True,
    ),
    "collector-hung": Drill(
        "SIGSTOP to the collector, for good", hang(lambda testbed: testbed.service.collector_pid), kills=True
    ),
    "console-hung": Drill(
        "SIGSTOP to the console, for good",
        hang(lambda testbed: testbed.service.console_pid),
        Needs(console=True),
        kills=True,
    ),
    "understanding-frozen": Drill(
        "SIGSTOP to Rasa, 8 s, and to the classifier process, for good",
        freeze_both_classifiers,
        Needs(own_rasa=True),
        FROZEN_STEP_S,
    ),
    "database-killed": Drill("PostgreSQL dies, back after 12 s", kill_database, Needs(database=True)),
    "database-frozen": Drill("SIGSTOP to PostgreSQL, 12 s", freeze_database(FROZEN_S), Needs(database=True)),
    "database-hung": Drill(
        "SIGSTOP to PostgreSQL, 45 s", freeze_database(HUNG_DATABASE_S), Needs(database=True)
    ),
    "asterisk-killed": Drill("SIGKILL to Asterisk", kill_asterisk, lines_drop=True, kills=True),
    "asterisk-frozen": Drill("SIGSTOP to Asterisk, 8 s", freeze_asterisk, step_s=PAUSED_S + STEP_S),
    "asterisk-hung": Drill(
        "SIGSTOP to Asterisk, for good",
        hang(lambda testbed: testbed.service.asterisk.pid or 0),
        lines_drop=True,
        kills=True,
    ),
    "recogniser-killed": Drill("SIGKILL to the recogniser", kill_recogniser),
    "recogniser-frozen": Drill(
        "SIGSTOP to the recogniser, for good", freeze_recogniser, step_s=FROZEN_STEP_S
    ),
    "recogniser-fails": Drill(
        "every decode is an error, 12 s long", engine_fault("fails"), Needs(engine_faults=True)
    ),
    "recogniser-hangs": Drill(
        "no decode ends, 12 s long", engine_fault("hangs"), Needs(engine_faults=True), FROZEN_STEP_S
    ),
    "clock-ahead": Drill("the application's clock an hour ahead, 12 s", jump(3600), Needs(clock=True)),
    "clock-behind": Drill("the application's clock an hour behind, 12 s", jump(-3600), Needs(clock=True)),
    "wrong-files": Drill("a file of every wrong kind in every spool folder", leave_wrong_files),
    "disk-full": Drill("no room for messages, 12 s long", fill_disk, Needs(disk_mb=24)),
    "state-full": Drill("no room for journal, store and logs, 12 s long", fill_state, Needs(state_mb=256)),
    "state-frozen": Drill(
        "writes to the disk of journal, store and logs wait, 8 s", freeze_state, Needs(frozen_mb=512)
    ),
    "prompts-missing": Drill("all rendered prompts deleted", lose_prompts, Needs(prompts=True)),
    "voice-away": Drill("no voice renders", lose_voice, Needs(engine_faults=True), always=True),
    "loss-1": network(1),
    "loss-3": network(3),
    "loss-5": network(5),
}

SAMPLE = (
    "worker-hung", "rasa-hung", "recogniser-frozen", "database-frozen", "state-frozen", "wrong-files",
    "asterisk-killed", "loss-3",
)  # fmt: skip
"""One drill of each kind: a process dies or hangs, the database, a disk, the line, the network."""
