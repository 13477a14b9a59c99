"""What the load benchmark measures of the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ivr.simulator.load_benchmark import Cost

BUSY_S = 0.4
TICK_S = 0.02
"""Seconds of precision in /proc."""
BUSY = f"""
import sys, time
sys.stdin.readline()
while time.process_time() < {BUSY_S}: pass
print(flush=True)
sys.stdin.readline()
"""


@contextmanager
def busy_worker() -> Iterator[Callable[[], None]]:
    """A process like a worker, which has worked ``BUSY_S`` in the block; the value ends it."""
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, "ivr.service.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        print(file=process.stdin, flush=True)
        process.stdout.readline()
        yield partial(print, file=process.stdin, flush=True)


def test_all_processor_time_of_a_part_counts_however_short_its_bursts_are() -> None:
    """A median of samples would be nought for a process that works in one second of many."""
    cost = Cost("accueil-pbx")
    cost.sample()
    with busy_worker() as end:
        cost.sample()
        end()
    cost.sample()  # the process has ended: its time still counts
    assert cost.seconds()["worker"] >= BUSY_S - TICK_S
    assert cost.mean()["worker"] > 0 and cost.memory["worker"] > 1


def test_what_a_process_used_before_the_measurement_does_not_count() -> None:
    with busy_worker() as end:
        cost = Cost("accueil-pbx")
        cost.sample()
        cost.sample()
        end()
    assert cost.seconds()["worker"] <= TICK_S
