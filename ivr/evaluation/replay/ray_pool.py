"""Replays on Ray: one actor a core, here or in a cluster.  A node that is lost costs only the calls it was at.

Ray is the extra ``ray`` of this package.  Nodes of a cluster need the same checkout and models in the same place, and
reach Rasa by IVR_RASA_URL; recordings travel with their jobs.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.evaluation.replay.jobs import TRIES, ReplayJob, ReplayWorker, Result, with_sound

log = logging.getLogger(__name__)

LOCAL = "local"
"""The address of a Ray of our own, for as long as the replay lasts."""
PATIENCE_S = 300.0
"""For so long no station may start, while none is at work: Ray has no room for one, or it loads its engines."""


class RayPool:
    """Runs jobs on the Ray at an address, each worker a ``station``."""

    def __init__(
        self,
        address: str,
        station: Callable[[Settings, str], Any] = ReplayWorker,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._address = address
        self._station = station
        self._patience_s = patience_s

    def __call__(
        self, settings: Settings, engine: str, jobs: Sequence[ReplayJob], workers: int
    ) -> Iterator[Result]:
        """A result for each job, as they come; raises SetupError without Ray, or without room on it."""
        ray = _ray()
        self._begin(ray, workers)
        try:
            actor = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(self._station)
            pool = _Pool(ray, lambda: actor.remote(settings, engine), jobs, workers, self._patience_s)
            yield from pool.run()
        finally:
            ray.shutdown()

    def _begin(self, ray: Any, workers: int) -> None:
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
    """Each station is given a call when it has started and whenever it is done with one; a lost one is replaced.

    One that finds no room, after a node was lost, is given none: those that are left do the work.
    """

    def __init__(
        self, ray: Any, new: Callable[[], Any], jobs: Sequence[ReplayJob], workers: int, patience_s: float
    ) -> None:
        self._ray, self._new, self._workers, self._patience_s = ray, new, workers, patience_s
        self._waiting = list(reversed(jobs))
        self._tries: Counter[str] = Counter()
        self._at: dict[
            Any, tuple[Any, ReplayJob | None]
        ] = {}  # by what is awaited: a station, its call; none: it starts
        self._idle: list[Any] = []
        self._failed = 0
        """Stations that did not start, since one did."""

    def run(self) -> Iterator[Result]:
        """A result for each job, as they come."""
        for _ in range(self._workers):
            self._start()
        while self._waiting or self._busy:
            done, _ = self._ray.wait(list(self._at), timeout=self._patience_s)
            if done:
                yield from self._ended(done[0])
                self._hand_out()
            elif not self._busy:
                raise SetupError(f"no room on Ray: no worker could start for {self._patience_s:.0f} s")

    @property
    def _busy(self) -> bool:
        return any(job for _, job in self._at.values())

    def _start(self) -> None:
        station = self._new()
        self._at[station.__ray_ready__.remote()] = (station, None)

    def _ended(self, awaited: Any) -> Iterator[Result]:
        """A station has started, is done with its call, or is lost."""
        station, job = self._at.pop(awaited)
        try:
            result = self._ray.get(awaited)
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake of ours, which any other station would make
        except self._ray.exceptions.RayError as error:  # the worker, its node, or what it returned is gone
            yield from self._lost(job, error)
            return
        self._idle.append(station)
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
        if self._waiting and not (self._at or self._idle):
            raise SetupError(f"no worker starts on Ray: {_last_line(error)}") from None

    def _hand_out(self) -> None:
        while self._waiting and self._idle:
            station, job = self._idle.pop(), self._waiting.pop()
            self._tries[job.call_id] += 1
            self._at[station.replay.remote(with_sound(job))] = (station, job)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
