"""Replays on Ray: one actor a core, here or in a cluster.  A node that is lost costs only the calls it was at.

Ray is the extra ``ray`` of this package.  Nodes of a cluster need the same checkout and models in the same place, and
reach Rasa by IVR_RASA_URL; recordings travel with their jobs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ivr.config import Settings
from ivr.errors import SetupError
from ivr.replay.jobs import TRIES, Job, Result, Station, with_sound

log = logging.getLogger(__name__)

LOCAL = "local"
"""The address of a Ray of our own, for as long as the replay lasts."""


class OnRay:
    """Runs jobs on the Ray at an address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __call__(
        self, settings: Settings, engine: str, jobs: Sequence[Job], workers: int
    ) -> Iterator[Result]:
        """A result for each job, as they come; raises SetupError without Ray."""
        ray = _ray()
        self._begin(ray, workers)
        try:
            yield from _run(ray, settings, engine, list(jobs), workers)
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


def _run(ray: Any, settings: Settings, engine: str, jobs: list[Job], workers: int) -> Iterator[Result]:
    """Each actor is given the next call when it is done with one; a dead actor is replaced."""
    station = ray.remote(num_cpus=1)(Station)
    waiting = list(reversed(jobs))
    tries = dict.fromkeys((job.call_id for job in jobs), 0)
    busy: dict[Any, tuple[Any, Job]] = {}

    def give(actor: Any) -> None:
        if waiting:
            job = waiting.pop()
            tries[job.call_id] += 1
            busy[actor.replay.remote(with_sound(job))] = (actor, job)

    for _ in range(workers):
        give(station.remote(settings, engine))
    while busy:
        (done,), _ = ray.wait(list(busy), num_returns=1)
        actor, job = busy.pop(done)
        try:
            yield ray.get(done)
        except ray.exceptions.RayActorError:
            log.warning("a worker was lost; call %s is replayed again", job.call_id)
            actor = station.remote(settings, engine)
            if tries[job.call_id] < TRIES:
                waiting.append(job)
            else:
                yield Result(job.call_id, [], f"the worker was lost {TRIES} times")
        give(actor)
