"""How long a caller waits for an adviser, as well as one can tell: the desk is played forward.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Protocol

from ivr.content.callflow import Callflow
from ivr.content.phrases import Phrase
from ivr.core.vocabulary import AdviserState

OFFER_S = 10.0
"""Ringing, being told who waits, and the key take an adviser so long, until it was measured."""
GAP_S = 1.0
"""app_queue looks once a second whether an adviser is free, and counts in whole seconds."""
STEPS_S = (10, 20, 30, 40, 50, 60, 90, 120, 150, 180, 240, 300, 360, 420, 480, 540, 600)
"""Waiting times that are told: the nearest is at most a fifth away from 25 s on."""
GONE = (AdviserState.PAUSED, AdviserState.AWAY, AdviserState.UNREACHABLE)
"""States of an adviser who is not there."""
MEMORYLESS = 2.0
"""Mean square of an exponential time over its squared mean: how talks spread as long as nothing is known."""


@dataclass(frozen=True)
class WaitEstimate:
    """How it looks at the desk for one caller: how many advisers who speak his language are there, and the seconds
    he will wait for one of them (0: one is free for him).
    """

    staffed: int
    wait_s: float = 0.0


@dataclass(frozen=True)
class HandlingTime:
    """How long a caller takes an adviser, from the first ring to the end of the talk, rings in vain included.

    Of the last ``callers``: the ``mean`` (seconds) and the ``square``, the mean of the squares.
    """

    callers: int = 0
    mean: float = 0.0
    square: float = 0.0

    def with_usual(self, talk_s: float) -> HandlingTime:
        """The usual length of a talk counts as one caller more."""
        usual, number = talk_s + OFFER_S, self.callers + 1
        mean = (self.callers * self.mean + usual) / number
        return HandlingTime(number, mean, (self.callers * self.square + MEMORYLESS * usual**2) / number)

    def until_free_s(self, rank: int, talks: int) -> float:
        """Seconds until the ``rank``-th (from 1) of so many talks under way has ended.

        If all talks are alike their ends are spread evenly, the first of n after a share of 1 / (n + 1).
        If they are exponential one of them ends every n-th part of a mean talk.  In between by how much they vary
        (C^2, the variance over the squared mean, here from 0 to 1).
        """
        varies = min(max(self.square / self.mean**2 - 1, 0.0), 1.0)
        return self.mean * rank / (talks + 1 - varies)


@dataclass(frozen=True)
class OnlineAdviser:
    """An adviser who is there: the ``queues`` he serves, whether he ``talks``, and the seconds he still ``rests``."""

    queues: tuple[str, ...]
    talks: bool = False
    rests_s: float = 0.0


class Present(Protocol):
    """An adviser as ``ivr.asterisk.queues`` sees him."""

    @property
    def queues(self) -> tuple[str, ...]: ...
    @property
    def state(self) -> AdviserState: ...
    @property
    def rests_s(self) -> float: ...


def seats(advisers: Iterable[Present]) -> list[OnlineAdviser]:
    """Those who are there.  One whose telephone rings is free: the caller it rings for still stands in the queue."""
    return [
        OnlineAdviser(one.queues, one.state == AdviserState.IN_CALL, one.rests_s)
        for one in advisers
        if one.state not in GONE
    ]


def standing(
    seats: Sequence[OnlineAdviser], line: Sequence[str], handling: HandlingTime, callflow: Callflow
) -> WaitEstimate:
    """For the last of ``line``: the queues of those who wait, in the order in which they are served."""
    staffed = sum(line[-1] in seat.queues for seat in seats)
    return WaitEstimate(staffed, waits(seats, line, handling, callflow)[-1])


def waits(
    seats: Sequence[OnlineAdviser], line: Sequence[str], handling: HandlingTime, callflow: Callflow
) -> list[float]:
    """Seconds that each of ``line`` will wait; 0 where an adviser is free, and where nobody serves his queue."""
    desk = callflow.handoff
    found = forecast(seats, line, handling.with_usual(desk.talk_s), desk.wrap_up_s)
    return [0.0 if isinf(wait_s) else wait_s for wait_s in found]


def forecast(
    seats: Sequence[OnlineAdviser], line: Sequence[str], handling: HandlingTime, wrap_up_s: float
) -> list[float]:
    """Seconds until each of ``line`` gets an adviser; infinite where nobody serves his queue.

    Whoever is free first takes the first caller he can talk to, the one with fewer languages before the other.
    """
    talking = sum(seat.talks for seat in seats)
    free_at, rank = [], 0
    for seat in seats:
        if seat.talks:
            rank += 1
            free_at.append(handling.until_free_s(rank, talking) + wrap_up_s + GAP_S)
        else:
            free_at.append(seat.rests_s)
    found = []
    for queue in line:
        able = [number for number, seat in enumerate(seats) if queue in seat.queues]
        if not able:
            found.append(float("inf"))
            continue
        first = min(able, key=lambda number: (free_at[number], len(seats[number].queues)))
        found.append(free_at[first])
        free_at[first] += handling.mean + wrap_up_s + GAP_S
    return found


def told(seconds: float, callflow: Callflow) -> int:
    """What is told of a waiting time: 0 for none, the limit where it is longer than that, else the nearest of STEPS_S
    below it.
    """
    *below, limit = tellable(callflow)
    if seconds > limit:
        return limit
    return min(below, key=lambda step: abs(step - seconds), default=limit) if seconds > 0 else 0


def tellable(callflow: Callflow) -> list[int]:
    """Every waiting time that may be told."""
    limit = int(callflow.handoff.wait_s)
    return [*(step for step in STEPS_S if step < limit), limit]


def waiting_phrase(seconds: int, callflow: Callflow) -> tuple[Phrase, tuple[Phrase, dict[str, str]]]:
    """The phrase for a waiting time that is told, and the phrase of its length with its fields: about so long, or at
    the limit longer than that.
    """
    if seconds < int(callflow.handoff.wait_s):
        return Phrase.QUEUE_WAIT, _length(seconds)
    return Phrase.QUEUE_WAIT_LONGER, _length(
        max((step for step in STEPS_S if step <= seconds), default=STEPS_S[0])
    )


def _length(seconds: int) -> tuple[Phrase, dict[str, str]]:
    if seconds < 60:
        return Phrase.TIME_SECONDS, {"n": str(seconds)}
    if seconds % 60:
        return {90: (Phrase.TIME_MINUTE_AND_HALF, {}), 150: (Phrase.TIME_TWO_AND_HALF, {})}[seconds]
    return (Phrase.TIME_MINUTE, {}) if seconds == 60 else (Phrase.TIME_MINUTES, {"n": str(seconds // 60)})
