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

from ivr.config import Settings
from ivr.errors import SetupError
from ivr.replay.jobs import TRIES, Job, Result, Station, with_sound

log = logging.getLogger(__name__)

LOCAL = "local"
"""The address of a Ray of our own, for as long as the replay lasts."""
PATIENCE_S = 300.0
"""For so long no station may start, while none is at work: Ray has no room for one, or it loads its engines."""


class OnRay:
    """Runs jobs on the Ray at an address, each worker a ``station``."""

    def __init__(
        self, address: str, station: Callable[[Settings, str], Any] = Station, patience_s: float = PATIENCE_S
    ) -> None:
        self._address = address
        self._station = station
        self._patience_s = patience_s

    def __call__(
        self, settings: Settings, engine: str, jobs: Sequence[Job], workers: int
    ) -> Iterator[Result]:
        """A result for each job, as they come; raises SetupError without Ray, or without room on it."""
        ray = _ray()
        self._begin(ray, workers)
        try:
            actor = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(self._station)
            yield from _run(ray, lambda: actor.remote(settings, engine), jobs, workers, self._patience_s)
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


def _run(
    ray: Any, new: Callable[[], Any], jobs: Sequence[Job], workers: int, patience_s: float
) -> Iterator[Result]:
    """Each station is given a call when it has started and whenever it is done with one; a lost one is replaced.

    One that finds no room, after a node was lost, is given none: those that are left do the work.
    """
    waiting = list(reversed(jobs))
    tries: Counter[str] = Counter()
    at: dict[Any, tuple[Any, Job | None]] = {}  # by what is awaited: a station and its call; none: it starts
    idle: list[Any] = []
    failed = 0

    def start() -> None:
        station = new()
        at[station.__ray_ready__.remote()] = (station, None)

    for _ in range(workers):
        start()
    while waiting or any(job for _, job in at.values()):
        done, _ = ray.wait(list(at), timeout=patience_s)
        if not done:
            if not any(job for _, job in at.values()):
                raise SetupError(f"no room on Ray: no worker could start for {patience_s:.0f} s")
            continue
        station, job = at.pop(done[0])
        try:
            result = ray.get(done[0])
        except ray.exceptions.RayTaskError:
            raise  # a mistake of ours, which any other station would make
        except ray.exceptions.RayError as error:  # the worker, its node, or what it returned is gone
            if job is None:
                failed += 1
            elif tries[job.call_id] < TRIES:
                log.warning("a worker was lost; call %s is replayed again", job.call_id)
                log.info("it was lost by: %s", error)
                waiting.append(job)
            else:
                yield Result(job.call_id, [], f"the worker was lost {TRIES} times")
            if not idle and failed < TRIES * workers:
                start()
            if waiting and not (at or idle):
                raise SetupError(f"no worker starts on Ray: {_last_line(error)}") from None
        else:
            idle.append(station)
            if job is None:
                failed = 0
            else:
                yield result
        while waiting and idle:
            station, job = idle.pop(), waiting.pop()
            tries[job.call_id] += 1
            at[station.replay.remote(with_sound(job))] = (station, job)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
