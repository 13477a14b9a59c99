"""Queueing theory for n advisers: Erlang C, and Erlang A for callers who give up.  Pure.

In Erlang C (M/M/n) all callers wait until they are answered.  In Erlang A (M/M/n+M) each gives up after an
exponential patience.  Source: Gans, Koole, Mandelbaum: Telephone Call Centers: Tutorial, Review, and Research
Prospects, 2003.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST = 1e-14
"""States less likely than this, relative to the likeliest, are left out."""


@dataclass(frozen=True)
class ErlangA:
    """Shares of callers (0 to 1) who have to wait and who give up, and the mean wait of all in seconds."""

    waits: float
    gives_up: float
    mean_wait_s: float


def erlang_c(load: float, advisers: int) -> float:
    """Share of callers (0 to 1) who have to wait.

    ``load``: in erlang, calls per second times seconds of talk; ``advisers``: their number.  Raises ValueError when
    the queue would grow without end.
    """
    if not 0 <= load < advisers:
        raise ValueError(f"{advisers} advisers cannot carry {load:.1f} erlang")
    blocked = 1.0
    for number in range(1, advisers + 1):  # Erlang B by its recursion
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / advisers * (1 - blocked))


def erlang_c_within(load: float, advisers: int, talk_s: float, within_s: float) -> float:
    """Share of callers (0 to 1) who are answered within ``within_s`` seconds, when nobody gives up.

    ``load``: in erlang; ``talk_s``: mean seconds of talk.  Raises what ``erlang_c`` raises.
    """
    return 1 - erlang_c(load, advisers) * math.exp(-(advisers - load) * within_s / talk_s)


def erlang_a(calls_per_s: float, talk_s: float, patience_s: float, advisers: int) -> ErlangA:
    """The steady state of a queue whose callers give up, from the balance of a birth and death process.

    ``talk_s`` and ``patience_s``: means of exponential times, in seconds.
    """
    weights, number, weight = [1.0], 0, 1.0
    while weight > LEAST * max(weights) or number < advisers:
        number += 1
        leaving = min(number, advisers) / talk_s + max(0, number - advisers) / patience_s
        weight *= calls_per_s / leaving
        weights.append(weight)
    total = sum(weights)
    waiting = sum(max(0, n - advisers) * weight for n, weight in enumerate(weights)) / total
    return ErlangA(
        waits=sum(weights[advisers:]) / total,
        gives_up=waiting / patience_s / calls_per_s,
        mean_wait_s=waiting / calls_per_s,  # Little's law
    )
