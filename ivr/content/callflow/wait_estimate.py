"""Estimates the waiting time for an adviser by simulating the queues forward.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Protocol

from ivr.content.callflow import Callflow
from ivr.content.phrases import Phrase
from ivr.core.vocabulary import AdviserState

OFFER_S = 10.0
"""Seconds for ringing, the announcement and the adviser's key, until they are measured."""
GAP_S = 1.0
"""app_queue looks for a free adviser once a second, and counts whole seconds."""
STEPS_S = (10, 20, 30, 40, 50, 60, 90, 120, 150, 180, 240, 300, 360, 420, 480, 540, 600)
"""Waiting times that are announced, in seconds; from 25 s on, the nearest differs by a fifth at most."""
GONE = (AdviserState.PAUSED, AdviserState.AWAY, AdviserState.UNREACHABLE)
"""States in which an adviser takes no calls."""
MEMORYLESS = 2.0
"""Mean square over squared mean of an exponential distribution, which is assumed until talks are measured."""


@dataclass(frozen=True)
class WaitEstimate:
    """The estimate for one caller.

    staffed: how many advisers who speak the caller's language are there.
    wait_s: seconds until one of them is free; 0: one is free now.
    """

    staffed: int
    wait_s: float = 0.0


@dataclass(frozen=True)
class HandlingTime:
    """How long a caller occupies an adviser, from the first ring to the end of the talk, missed rings included.

    callers: number of callers that were measured.
    mean: seconds.
    square: mean of the squares, in square seconds.
    """

    callers: int = 0
    mean: float = 0.0
    square: float = 0.0

    def with_usual(self, talk_s: float) -> HandlingTime:
        """Return the figures with one more caller, who takes the usual length of a talk (seconds)."""
        usual, number = talk_s + OFFER_S, self.callers + 1
        mean = (self.callers * self.mean + usual) / number
        return HandlingTime(number, mean, (self.callers * self.square + MEMORYLESS * usual**2) / number)

    def until_free_s(self, rank: int, talks: int) -> float:
        """Return the seconds until the ``rank``-th (from 1) of ``talks`` running talks ends.

        If all talks have the same length, their ends are spread evenly: the first of n ends after a share of
        1 / (n + 1).  If lengths are exponential, a talk ends every n-th part of the mean.  In between, the squared
        coefficient of variation (0 to 1) interpolates.
        """
        varies = min(max(self.square / self.mean**2 - 1, 0.0), 1.0)
        return self.mean * rank / (talks + 1 - varies)


@dataclass(frozen=True)
class OnlineAdviser:
    """An adviser who takes calls: the ``queues`` they serve, whether they ``talk``, and seconds of wrap-up left."""

    queues: tuple[str, ...]
    talks: bool = False
    rests_s: float = 0.0


class Present(Protocol):
    """An adviser as ``ivr.asterisk.queues`` reports them."""

    @property
    def queues(self) -> tuple[str, ...]: ...
    @property
    def state(self) -> AdviserState: ...
    @property
    def rests_s(self) -> float: ...


def seats(advisers: Iterable[Present]) -> list[OnlineAdviser]:
    """Return the advisers who take calls.

    One whose telephone rings counts as free, because the caller for whom it rings is still in the queue.
    """
    return [
        OnlineAdviser(one.queues, one.state == AdviserState.IN_CALL, one.rests_s)
        for one in advisers
        if one.state not in GONE
    ]


def standing(
    seats: Sequence[OnlineAdviser], line: Sequence[str], handling: HandlingTime, callflow: Callflow
) -> WaitEstimate:
    """Return the estimate for the last caller of ``line``; arguments as in ``waits``."""
    staffed = sum(line[-1] in seat.queues for seat in seats)
    return WaitEstimate(staffed, waits(seats, line, handling, callflow)[-1])


def waits(
    seats: Sequence[OnlineAdviser], line: Sequence[str], handling: HandlingTime, callflow: Callflow
) -> list[float]:
    """Return how many seconds each caller of ``line`` will wait; 0 also where no adviser serves the queue.

    seats: the advisers who take calls.
    line: the queue of each waiting caller, in the order of service.
    handling: measured handling times.
    """
    desk = callflow.handoff
    found = forecast(seats, line, handling.with_usual(desk.talk_s), desk.wrap_up_s)
    return [0.0 if isinf(wait_s) else wait_s for wait_s in found]


def forecast(
    seats: Sequence[OnlineAdviser], line: Sequence[str], handling: HandlingTime, wrap_up_s: float
) -> list[float]:
    """Return the seconds until each caller of ``line`` gets an adviser; infinite where no adviser serves the queue.

    The adviser who is free first takes the first caller whose language they speak; among equals, the adviser with
    fewer languages comes first.
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
    """Return the announced time for a wait of ``seconds``.

    It is 0 for no wait, the limit for a longer wait than that, else the nearest of STEPS_S below the limit.
    """
    *below, limit = tellable(callflow)
    if seconds > limit:
        return limit
    return min(below, key=lambda step: abs(step - seconds), default=limit) if seconds > 0 else 0


def tellable(callflow: Callflow) -> list[int]:
    """Return all waiting times that may be announced, in seconds."""
    limit = int(callflow.handoff.wait_s)
    return [*(step for step in STEPS_S if step < limit), limit]


def waiting_phrase(seconds: int, callflow: Callflow) -> tuple[Phrase, tuple[Phrase, dict[str, str]]]:
    """Return the phrase for an announced waiting time, and the phrase for its length with the fields of that.

    Below the limit the phrase says "about", at the limit "longer than".
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
