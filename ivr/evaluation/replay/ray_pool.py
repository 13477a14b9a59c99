"""Replays on Ray: one actor per core, on this machine or in a cluster.

The loss of a node repeats only the calls it had not finished.  Ray is the extra ``ray`` of this package.  Nodes of a
cluster need the same checkout and models in the same place, and reach Rasa by IVR_RASA_URL.  Recordings are sent with
their jobs.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.evaluation.replay.jobs import TRIES, ReplayJob, ReplayWorker, Result, with_recording

log = logging.getLogger(__name__)

LOCAL = "local"
"""The address that stands for a Ray of our own, which ends with the replay."""
START_TIMEOUT_S = 300.0
"""Seconds to wait for a worker to start while none is busy: it loads its engines, or Ray has no room for it."""


class RayPool:
    """Runs jobs on Ray; a ``RunReplay``.

    address: of a cluster, or LOCAL.
    worker: makes the actor of a worker from settings and engine.
    start_timeout_s: seconds to wait for a worker to start while none is busy.
    """

    def __init__(
        self,
        address: str,
        worker: Callable[[Settings, str], Any] = ReplayWorker,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._address = address
        self._worker = worker
        self._start_timeout_s = start_timeout_s

    def __call__(
        self, settings: Settings, engine: str, jobs: Sequence[ReplayJob], workers: int
    ) -> Iterator[Result]:
        """Yield a result for each job as it is finished.

        settings, engine: as for ``ReplayWorker``; workers: number of actors.
        Raises SetupError when Ray is not installed, cannot be reached, has no room, or starts no worker.
        """
        ray = _ray()
        self._connect(ray, workers)
        try:
            actor = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(self._worker)
            pool = _Pool(ray, lambda: actor.remote(settings, engine), jobs, workers, self._start_timeout_s)
            yield from pool.run()
        finally:
            ray.shutdown()

    def _connect(self, ray: Any, workers: int) -> None:
        if self._address == LOCAL:
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
            return
        try:
            ray.init(self._address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError) as error:
            raise SetupError(f"no Ray at {self._address}: {error}") from None


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise SetupError("Ray is not installed: .venv/bin/uv pip install 'accueil[ray]'") from None
    return ray


class _Pool:
    """Gives each worker a call when it has started and after each call, and replaces a lost worker.

    A replacement that finds no room after the loss of a node gets no call: the remaining workers do the work.
    """

    def __init__(
        self,
        ray: Any,
        new: Callable[[], Any],
        jobs: Sequence[ReplayJob],
        workers: int,
        start_timeout_s: float,
    ) -> None:
        self._ray, self._new_worker, self._workers, self._start_timeout_s = ray, new, workers, start_timeout_s
        self._waiting = list(reversed(jobs))
        self._tries: Counter[str] = Counter()
        self._pending: dict[Any, tuple[Any, ReplayJob | None]] = {}
        """Worker and its call by the reference that is awaited; the call is None while the worker starts."""
        self._idle: list[Any] = []
        self._failed = 0
        """Failed starts since the last worker that started."""

    def run(self) -> Iterator[Result]:
        """Yield a result for each job as it is finished."""
        for _ in range(self._workers):
            self._start()
        while self._waiting or self._busy:
            done, _ = self._ray.wait(list(self._pending), timeout=self._start_timeout_s)
            if done:
                yield from self._ended(done[0])
                self._hand_out()
            elif not self._busy:
                raise SetupError(f"no room on Ray: no worker could start for {self._start_timeout_s:.0f} s")

    @property
    def _busy(self) -> bool:
        return any(job for _, job in self._pending.values())

    def _start(self) -> None:
        worker = self._new_worker()
        self._pending[worker.__ray_ready__.remote()] = (worker, None)

    def _ended(self, awaited: Any) -> Iterator[Result]:
        """Handle a worker that has started, finished its call, or was lost."""
        worker, job = self._pending.pop(awaited)
        try:
            result = self._ray.get(awaited)
        except self._ray.exceptions.RayTaskError:
            raise  # an error in our code, which every worker would make
        except self._ray.exceptions.RayError as error:  # the worker, its node or its result is lost
            yield from self._lost(job, error)
            return
        self._idle.append(worker)
        if job is None:
            self._failed = 0
        else:
            yield result

    def _lost(self, job: ReplayJob | None, error: Exception) -> Iterator[Result]:
        if job is None:
            self._failed += 1
        elif self._tries[job.call_id] < TRIES:
            log.warning("a worker was lost; call %s is replayed again", job.call_id)
            log.info("it was lost by: %s", error)
            self._waiting.append(job)
        else:
            yield Result(job.call_id, [], f"the worker was lost {TRIES} times")
        if not self._idle and self._failed < TRIES * self._workers:
            self._start()
        if self._waiting and not (self._pending or self._idle):
            raise SetupError(f"no worker starts on Ray: {_last_line(error)}") from None

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            worker, job = self._idle.pop(), self._waiting.pop()
            self._tries[job.call_id] += 1
            self._pending[worker.replay.remote(with_recording(job))] = (worker, job)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
