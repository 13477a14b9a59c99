"""Steps of set-up.  A step runs once, and again when its inputs change; independent steps run side by side."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from ivr.core.errors import IvrError, SetupError
from ivr.core.files import write_durably
from ivr.core.paths import stamps
from ivr.core.settings import Settings
from ivr.setup.progress import ProgressBoard, Task

RunStep = Callable[[Settings, Task], Sequence[str]]
"""Does the work and returns lines for the operator, mostly none."""


@dataclass(frozen=True)
class SetupStep:
    """One step.

    name, title: for the stamp file, and for the operator.
    run: does the work.
    inputs: texts, files and folders that the result depends on.  They are hashed, and a new hash makes the step due.
    present: whether the result exists; the step is due when it does not.
    after: names of the steps that must end before.
    """

    name: str
    title: str
    run: RunStep
    inputs: Callable[[Settings], Iterable[str | Path]]
    present: Callable[[Settings], bool]
    after: tuple[str, ...] = field(default=())

    def due(self, settings: Settings) -> bool:
        """Whether the step must run."""
        known = _stamp(settings, self.name)
        fresh = known.exists() and known.read_bytes() == self.fingerprint(settings).encode()
        return not (fresh and self.present(settings))

    def fingerprint(self, settings: Settings) -> str:
        """SHA-256 of the inputs."""
        return fingerprint(self.inputs(settings), settings.root)

    def done(self, settings: Settings) -> None:
        """Record that the result was made from the present inputs."""
        os.sync()  # the stamp must not survive a power failure that the result does not
        write_durably(_stamp(settings, self.name), self.fingerprint(settings))


def fingerprint(inputs: Iterable[str | Path], root: Path) -> str:
    """SHA-256 of texts, files and the files in folders; file names count relative to ``root``."""
    total = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            total.update(b"text\0" + item.encode() + b"\0")
            continue
        for path in sorted(item.rglob("*")) if item.is_dir() else [item]:
            if path.is_file() and "__pycache__" not in path.parts:
                name = str(path.relative_to(root) if path.is_relative_to(root) else path)
                total.update(b"file\0" + name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def build(target: Path, make: Callable[[Path], None], partial: Path | None = None) -> None:
    """Let ``make`` fill the folder ``partial``, then move it to ``target``, which is never incomplete.

    ``partial`` is ``<target>.partial`` by default.  An old ``target`` is replaced.
    """
    partial = partial or target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    make(partial)
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def run_all(settings: Settings, steps: Sequence[SetupStep], board: ProgressBoard) -> None:
    """Run the steps that are due and show them on ``board``.

    After a failure no further step starts.  Raises SetupError with all failures.
    """
    waiting = {step.name: step for step in steps}
    running: dict[Future[Sequence[str]], SetupStep] = {}
    failed: list[str] = []
    pool = ThreadPoolExecutor(max_workers=max(1, len(steps)), thread_name_prefix="setup")
    try:
        while waiting or running:
            for step in [] if failed else _ready(waiting, running.values()):
                del waiting[step.name]
                if step.due(settings):  # only now: earlier steps may have changed its inputs
                    running[pool.submit(_perform, settings, step, board)] = step
            if not running:
                if failed or not waiting:
                    break
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _note(future, running.pop(future), failed, board)
    finally:  # also at Ctrl-C: do not wait for downloads
        pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        raise SetupError("; ".join(failed))


def _note(future: Future[Sequence[str]], step: SetupStep, failed: list[str], board: ProgressBoard) -> None:
    try:
        for line in future.result():
            board.say(line, style="yellow")
    except (IvrError, OSError) as error:
        failed.append(f"{step.title}: {error}")


def _ready(waiting: dict[str, SetupStep], running: Iterable[SetupStep]) -> list[SetupStep]:
    open_names = set(waiting) | {step.name for step in running}
    return [step for step in waiting.values() if not open_names & set(step.after)]


def _perform(settings: Settings, step: SetupStep, board: ProgressBoard) -> Sequence[str]:
    threading.current_thread().name = f"setup-{step.name}"
    task = board.task(step.title)
    started = time.monotonic()
    lines = step.run(settings, task)
    step.done(settings)
    board.finished(task, time.monotonic() - started)
    return lines


def _stamp(settings: Settings, name: str) -> Path:
    return stamps(settings) / name
