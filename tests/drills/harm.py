"""The harms of the worst day: each does it, lasts as long as it lasts, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.drills.stage import Needs, Stage

FROZEN_S = 12.0
"""So long a process stands still, a part answers wrongly, a disk is full, a database is away."""
STEP_S, FROZEN_STEP_S = 2.0, 8.0
"""Longest silence a caller should hear: usually, and when a process stands still."""
SPARE_KB = 64
"""Left on a disk that is full: four seconds of a message."""

Harm = Callable[[Stage], Awaitable[None]]


async def kill_worker(stage: Stage) -> None:
    os.kill(stage.service.worker_pid, signal.SIGKILL)


async def freeze_worker(stage: Stage) -> None:
    await _frozen(stage.service.worker_pid)


async def kill_recogniser(stage: Stage) -> None:
    os.kill(stage.service.recogniser_pid, signal.SIGKILL)


async def freeze_recogniser(stage: Stage) -> None:
    """It stands still until somebody ends it."""
    os.kill(stage.service.recogniser_pid, signal.SIGSTOP)


async def kill_asterisk(stage: Stage) -> None:
    await stage.service.asterisk.kill()


async def freeze_asterisk(stage: Stage) -> None:
    await _frozen(stage.service.asterisk.pid or 0)


async def kill_rasa(stage: Stage) -> None:
    os.killpg(stage.rasa_pid, signal.SIGKILL)


async def freeze_rasa(stage: Stage) -> None:
    await _frozen(stage.rasa_pid)


async def _frozen(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        os.kill(pid, signal.SIGCONT)


async def kill_database(stage: Stage) -> None:
    """As if its power had failed; it comes back after a while."""
    assert stage.database is not None
    await asyncio.to_thread(stage.database.stop, signal.SIGQUIT)
    await asyncio.sleep(FROZEN_S)
    await asyncio.to_thread(stage.database.start)


async def freeze_database(stage: Stage) -> None:
    assert stage.database is not None
    stage.database.pause()
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        stage.database.resume()


def mood(name: str) -> Harm:
    """Rasa answers so for a while."""

    async def rasa(stage: Stage) -> None:
        assert stage.between is not None
        stage.between.mood = name
        await asyncio.sleep(FROZEN_S)
        stage.between.mood = ""

    return rasa


def illness(name: str) -> Harm:
    """An engine of the worker has that for a while."""

    async def engine(stage: Stage) -> None:
        stage.chart.write(name)
        await asyncio.sleep(FROZEN_S)
        stage.chart.write("")

    return engine


async def fill_disk(stage: Stage) -> None:
    """Where messages are recorded."""
    await _fill(stage.disk, SPARE_KB)


async def fill_state(stage: Stage) -> None:
    """Where the journal, the database file, the logs and what the ear got are written: to the last byte."""
    await _fill(stage.settings.state, 0)


async def _fill(disk: Path, spare_kb: int) -> None:
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free - spare_kb * 1024
    # others write to it meanwhile
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        file.write(bytes(max(0, free)))
    await asyncio.sleep(FROZEN_S)
    ballast.unlink()


def jump(seconds: int) -> Harm:
    """The worker's wall clock is wrong by so much for a while; this machine's is not touched."""

    async def clock(stage: Stage) -> None:
        stage.clock.set(seconds)
        await asyncio.sleep(FROZEN_S)
        stage.clock.set(0)

    return clock


async def lose_prompts(stage: Stage) -> None:
    """All that was rendered in advance is gone."""
    for path in (stage.settings.var / "prompts").glob("*.wav"):
        path.unlink()


async def lose_voice(stage: Stage) -> None:
    """No voice speaks from now on."""
    stage.chart.write("mute")


async def nothing(stage: Stage) -> None:
    """The harm is in the stage itself."""


@dataclass(frozen=True)
class Drill:
    """``what`` is done, how, and what it needs.  ``step_s``: the longest silence that passes.  ``lines_drop``: with
    Asterisk goes the line itself.  ``always``: there from the first call to the last; else now and then.
    """

    what: str
    harm: Harm
    needs: Needs = field(default_factory=Needs)
    step_s: float = STEP_S
    lines_drop: bool = False
    kills: bool = False
    always: bool = False


def network(loss: float) -> Drill:
    """Loss in percent, with 40 ms of delay and up to 30 ms more."""
    return Drill(
        f"{loss:g} % of RTP lost each way, 40 to 70 ms late",
        nothing, Needs(weather=(loss / 100, 40, 30)), always=True,
    )  # fmt: skip


DRILLS = {
    "calm": Drill("nothing: to compare with", nothing, always=True),
    "worker-killed": Drill("SIGKILL to the application", kill_worker, kills=True),
    "worker-frozen": Drill("SIGSTOP to the application, 12 s", freeze_worker, step_s=FROZEN_STEP_S),
    "worker-stuck": Drill(
        "one call holds up the application, 20 s", illness("stuck"), Needs(sick=True), step_s=FROZEN_STEP_S
    ),
    "rasa-killed": Drill("SIGKILL to Rasa", kill_rasa, Needs(own_rasa=True), FROZEN_STEP_S, kills=True),
    "rasa-frozen": Drill("SIGSTOP to Rasa, 12 s", freeze_rasa, Needs(own_rasa=True), FROZEN_STEP_S),
    "rasa-slow": Drill("Rasa answers after 5 s, 12 s long", mood("slow"), Needs(between=True), FROZEN_STEP_S),
    "rasa-errors": Drill("Rasa answers 500, 12 s long", mood("error"), Needs(between=True)),
    "rasa-garbage": Drill("Rasa answers no JSON, 12 s long", mood("garbage"), Needs(between=True)),
    "database-killed": Drill("PostgreSQL dies, back after 12 s", kill_database, Needs(database=True)),
    "database-frozen": Drill("SIGSTOP to PostgreSQL, 12 s", freeze_database, Needs(database=True)),
    "asterisk-killed": Drill("SIGKILL to Asterisk", kill_asterisk, lines_drop=True, kills=True),
    "asterisk-frozen": Drill("SIGSTOP to Asterisk, 12 s", freeze_asterisk, step_s=FROZEN_S + STEP_S),
    "recogniser-killed": Drill("SIGKILL to the recogniser", kill_recogniser),
    "recogniser-frozen": Drill("SIGSTOP to the recogniser, for good", freeze_recogniser, step_s=FROZEN_STEP_S),
    "recogniser-fails": Drill("every decode is an error, 12 s long", illness("fails"), Needs(sick=True)),
    "recogniser-hangs": Drill(
        "no decode ends, 12 s long", illness("hangs"), Needs(sick=True), FROZEN_STEP_S
    ),
    "clock-ahead": Drill("the application's clock an hour ahead, 12 s", jump(3600), Needs(clock=True)),
    "clock-behind": Drill("the application's clock an hour behind, 12 s", jump(-3600), Needs(clock=True)),
    "disk-full": Drill("no room for messages, 12 s long", fill_disk, Needs(disk_mb=24)),
    "state-full": Drill("no room for journal, store and logs, 12 s long", fill_state, Needs(state_mb=256)),
    "prompts-missing": Drill("all rendered prompts deleted", lose_prompts, Needs(prompts=True)),
    "voice-away": Drill("no voice renders", lose_voice, Needs(sick=True), always=True),
    "loss-1": network(1),
    "loss-3": network(3),
    "loss-5": network(5),
}  # fmt: skip
