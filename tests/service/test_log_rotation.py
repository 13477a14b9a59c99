"""Full logs are moved aside, and no line is lost."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.asterisk import queues
from ivr.asterisk.process import Asterisk
from ivr.console.context import open_context
from ivr.console.jobs.queue_log_follower import LogEvent, QueueLogFollower
from ivr.core.settings import Settings
from ivr.service import log_rotation
from tests.conftest import ROOT

WRITER = """
import logging, os, sys
from ivr.core import logs
from ivr.core.settings import load
logs.set_up(load())
log = logging.getLogger("writer")
for number in range(3000):
    log.info("line %d", number)
    if number % 500 == 499:
        os.write(int(sys.argv[1]), b".")
        os.read(int(sys.argv[2]), 1)
raise SystemError("the last words")
"""


def test_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    for number in range(8):
        path.write_text(str(number))
        log_rotation.move_aside(path)
    kept = {found.name: found.read_text() for found in tmp_path.iterdir()}
    assert kept == {f"worker.log.{number}": str(8 - number) for number in range(1, 6)}


def test_a_process_of_ours_loses_no_line(tmp_path: Path) -> None:
    """Moved aside five times while it writes; what Python says at its end is in the last one."""
    path = tmp_path / "worker.log"
    (told, tell), (heard, go) = os.pipe(), os.pipe()
    with path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tell), str(heard)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(tell, heard),
        )  # fmt: skip
    for _ in range(6):
        assert os.read(told, 1) == b"."
        if path.exists():
            log_rotation.move_aside(path)
        os.write(go, b".")
    assert process.wait(60) == 1
    for end in (told, tell, heard, go):
        os.close(end)
    parts = [tmp_path / f"worker.log.{number}" for number in range(5, 0, -1)] + [path]
    text = "".join(part.read_text() for part in parts if part.exists())
    numbers = [int(number) for number in re.findall(r"writer: line (\d+)\n", text)]
    assert numbers == list(range(numbers[0], 3000)) and numbers[0] <= 500  # the sixth had to go
    assert "SystemError: the last words" in text


def test_a_program_that_never_reopens_its_log_continues_at_its_start(tmp_path: Path) -> None:
    path = tmp_path / "rasa.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"before\n")
        log_rotation.copy_aside(path)
        writer.write(b"after\n")
    assert (tmp_path / "rasa.log.1").read_text() == "before\n" and path.read_text() == "after\n"


@pytest.mark.asterisk
async def test_asterisk_writes_on_in_new_files(asterisk: Asterisk, settings: Settings) -> None:
    """The queue log above all, which is read on where it was left."""
    small = dataclasses.replace(settings, log_mb=0)
    log = settings.pbx / "log"
    await _queue_line(settings, "first")
    old = {name: (log / name).stat().st_ino for name in log_rotation.ASTERISK_LOGS}
    context = open_context(settings)
    reader = QueueLogFollower(context)
    assert _names(reader) == ["first"]
    await _queue_line(settings, "second")
    await log_rotation.once(small)
    await _queue_line(settings, "third")
    for name in log_rotation.ASTERISK_LOGS:
        assert (log / name).stat().st_ino != old[name] == (log / f"{name}.1").stat().st_ino, name
    assert _names(reader) == ["second"]
    assert _names(reader) == ["third"]
    assert _names(reader) == []
    context.store.close()


async def _queue_line(settings: Settings, name: str) -> None:
    """A caller who wants a person, as the dialplan writes it."""
    async with queues.connect(settings) as ami:
        await ami.action(
            "QueueLog", Queue="oncall", Uniqueid=name, Interface="NONE", Event="WANTED", Message="1"
        )


def _names(reader: QueueLogFollower) -> list[str]:
    found: list[LogEvent] = reader._read()
    return [noted.stamped.call_id for noted in found]
