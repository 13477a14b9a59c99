"""Replays on Ray: one result per call, even if a worker or a node of the cluster dies."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.evaluation.replay.jobs import ReplayJob, Result
from ivr.evaluation.replay.ray_pool import LOCAL, RayPool
from tests.evaluation.replay.test_jobs import job

ray = pytest.importorskip("ray", reason="NOT TESTED: Ray is not installed (the extra `ray`)")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


class Frail:
    """A worker without engines that is killed at the first attempt at call c2."""

    def __init__(self, settings: Settings, engine: str) -> None:
        self.folder = settings.var

    def replay(self, one: ReplayJob) -> Result:
        if one.call_id == "c2" and first_time(self.folder / "died"):
            os.kill(os.getpid(), signal.SIGKILL)
        return Result(one.call_id, [{"bytes": len(one.audio)}])


class Meeting(Frail):
    """A worker in a cluster: calls c0 and c1 wait for each other, so they run on two nodes; c2 and c3 likewise.

    While both run, the node of c3 is lost; c2 waits for that and goes on.  c4 runs until the loss is logged, so that
    no worker is free then.
    """

    def replay(self, one: ReplayJob) -> Result:
        node = ray.get_runtime_context().get_node_id()
        with (self.folder / "begun").open("a") as begun:
            begun.write(f"{one.call_id} {node}\n")
        if first_time(self.folder / f"met-{one.call_id}"):
            self.meet(one.call_id)
        return Result(one.call_id, [{"node": node}])

    def meet(self, call_id: str) -> None:
        if call_id in ("c0", "c2", "c4"):
            (self.folder / f"{call_id}.pipe").read_bytes()  # until the other one has closed it or has died
        elif call_id in ("c1", "c3"):
            with (self.folder / f"c{int(call_id[1]) - 1}.pipe").open("wb"):
                if call_id == "c3":
                    lose_node()


class LossHandler(logging.Handler):
    """Ends call c4 at the first warning."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.WARNING)
        self.folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        (self.folder / "c4.pipe").write_bytes(b"")


class Broken(Frail):
    """A worker whose engines cannot be loaded."""

    def __init__(self, settings: Settings, engine: str) -> None:
        raise SetupError("no model here")


def first_time(mark: Path) -> bool:
    known = mark.exists()
    mark.touch()
    return not known


def lose_node() -> None:
    """Kill all processes of this node: the raylet and its children."""
    raylet = psutil.Process().parent()
    assert raylet is not None and raylet.name() == "raylet"
    for process in [raylet, *raylet.children(recursive=True)]:
        if process.pid != os.getpid():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end by itself without the raylet
                process.kill()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, var=tmp_path, instance="t")


@pytest.fixture
def todo(tmp_path: Path) -> list[ReplayJob]:
    return [job(tmp_path, f"c{number}", b"sound" * number) for number in range(6)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that runs no workers."""
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield started
    started.shutdown()


@pytest.fixture(scope="module")
def nodes(cluster: Any) -> list[Any]:
    return [cluster.add_node(num_cpus=1) for _ in range(2)]


def test_calls_on_ray(settings: Settings, todo: list[ReplayJob]) -> None:
    results = list(RayPool(LOCAL, Frail)(settings, "whisper", todo, 2))
    assert sorted(one.call_id for one in results) == [one.call_id for one in todo]
    assert not any(one.error for one in results)
    assert {one.call_id: one.rows[0]["bytes"] for one in results}["c3"] == 15


def test_a_cluster_without_room(cluster: Any, settings: Settings, todo: list[ReplayJob]) -> None:
    with pytest.raises(SetupError, match="no room on Ray"):
        list(RayPool(cluster.address, Frail, start_timeout_s=1)(settings, "whisper", todo, 2))


def test_workers_that_do_not_start(
    cluster: Any, nodes: list[Any], settings: Settings, todo: list[ReplayJob]
) -> None:
    with pytest.raises(SetupError, match="no worker starts on Ray: .*no model here"):
        list(RayPool(cluster.address, Broken)(settings, "whisper", todo, 1))


def test_a_node_that_is_lost(
    cluster: Any, nodes: list[Any], settings: Settings, todo: list[ReplayJob]
) -> None:
    for name in ("c0", "c2", "c4"):
        os.mkfifo(settings.var / f"{name}.pipe")
    loss = LossHandler(settings.var)
    logging.getLogger("ivr.evaluation.replay.ray_pool").addHandler(loss)
    try:
        results = list(RayPool(cluster.address, Meeting)(settings, "whisper", todo, 2))
    finally:
        logging.getLogger("ivr.evaluation.replay.ray_pool").removeHandler(loss)
    begun = [line.split() for line in (settings.var / "begun").read_text().splitlines()]

    assert sorted(one.call_id for one in results) == [one.call_id for one in todo]
    assert not any(one.error for one in results)
    assert Counter(call for call, _ in begun) == Counter([*(one.call_id for one in todo), "c3"])

    [lost] = [node.node_id for node in nodes if node.dead_processes()]
    ran = {one.call_id: one.rows[0]["node"] for one in results}
    assert begun.index(["c3", lost]) < begun.index(["c3", ran["c3"]])
    assert set(ran.values()) == {node.node_id for node in nodes}
    assert [call for call, node in ran.items() if node == lost] in (
        ["c0"],
        ["c1"],
    )  # finished before the loss
