"""Installs Rasa in a Python environment of its own, from nlu/rasa.lock."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ivr.core.paths import rasa_env, rasa_python, stamps
from ivr.core.settings import Settings
from ivr.setup import rasa_python as interpreter
from ivr.setup.command import run
from ivr.setup.progress import Task
from ivr.setup.steps import build

_SIZE = re.compile(r"^\s*(Downloading|Downloaded) (\S+)(?: \(([\d.]+)([KMG])iB\))?")
_UNITS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0}


def lock(settings: Settings, python: str) -> Path:
    """The lock file for the Python version ``python``: every package with version and SHA-256.

    ``ivr/setup/lock.sh`` makes it from ``rasa==3.6.21`` and ``tensorflow-cpu``, without packages that are not needed.
    """
    return settings.root / "nlu" / ("rasa.lock" if python == interpreter.WANTED else "rasa-3.9.lock")


def inputs(settings: Settings) -> Iterable[str | Path]:
    """What the environment depends on."""
    return [lock(settings, interpreter.WANTED), lock(settings, interpreter.FALLBACK)]


def present(settings: Settings) -> bool:
    """Whether the environment has its interpreter, which may have been removed from the machine."""
    return rasa_python(settings).exists()


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Create the environment, showing the progress in ``task``; raises SetupError when a step fails."""
    log = stamps(settings) / "rasa.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    python, version = interpreter.find(settings, task)
    build(rasa_env(settings), lambda folder: _install(python, lock(settings, version), folder, task, log))
    return []


def _install(python: Path, locked: Path, folder: Path, task: Task, log: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    task.at(0.02, f"with {python}")
    run([uv, "venv", "--quiet", "--relocatable", "--python", python, folder], what="uv venv")
    # without dependencies: the lock is complete, and rasa itself would require the large tensorflow
    # bytecode: without it each start takes twice as long where Python may not write it later
    options = ["--no-deps", "--require-hashes", "--compile-bytecode"]
    command: list[str | Path] = [uv, "pip", "install", "--python", folder / "bin/python"]
    run([*command, *options, "-r", locked], what="uv pip install rasa", line=_Downloads(task), log=log)
    task.at(0.95, "first start")
    run([folder / "bin/python", "-m", "rasa", "--version"], what="rasa --version", env=quiet())


def quiet() -> dict[str, str]:
    """Environment variables that turn off Rasa's telemetry and its warnings."""
    return {
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }


class _Downloads:
    """Shows uv's output as a share of the megabytes that it announced."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._sizes: dict[str, float] = {}
        self._done = 0.0

    def __call__(self, line: str) -> None:
        found = _SIZE.match(line)
        if not found:
            return
        verb, name = found[1], found[2]
        if verb == "Downloading" and found[3]:
            self._sizes[name] = float(found[3]) * _UNITS[found[4]]
        elif verb == "Downloaded":
            self._done += self._sizes.get(name, 0.0)
        total = sum(self._sizes.values())
        self._task.at(
            0.05 + 0.8 * self._done / total if total else None, f"{self._done:.0f} of {total:.0f} MB"
        )
