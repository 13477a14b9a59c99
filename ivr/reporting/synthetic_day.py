"""Generates the events of a synthetic day: callers arrive, ask for a person, wait, talk and give up.

Arrivals are a Poisson process whose rate changes with the hour.  Talks and patience are exponential, and advisers
take the caller who has waited longest.  The same seed gives the same day.  Its figures are known from theory
(erlang.py), so that they test the report.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ivr.core import events
from ivr.core.events import Stamped
from ivr.core.pbx_names import queue_of
from ivr.core.vocabulary import CallOutcome, LanguageSource, MessageEnd, Party, PersonReason, QueueExit

PROFILE = (0.5, 0.9, 1.3, 1.2, 0.8, 0.9, 1.2, 1.3, 1.1, 0.8)
"""Calls of each hour from opening on, relative to the mean hour: peaks in the late morning and the afternoon."""
LANGUAGES = {"fr": 45, "en": 30, "es": 10, "de": 8, "it": 7}
NANO = 1_000_000_000


@dataclass(frozen=True)
class SyntheticDay:
    """The parameters of a day; times are in seconds.

    ``opens``: seconds since 1970; ``calls``: expected number; ``profile``: calls of each hour relative to the mean;
    ``wants_person``: share of callers who ask for a person, ``asks_after_s`` (mean) after the answer; ``talk_s`` and
    ``patience_s``: means; ``limit_s``: ends every wait.
    """

    opens: float
    calls: float = 500.0
    advisers: int = 2
    profile: Sequence[float] = PROFILE
    hour_s: float = 3600.0
    wants_person: float = 0.35
    asks_after_s: float = 40.0
    talk_s: float = 180.0
    patience_s: float = 90.0
    limit_s: float = 120.0


@dataclass(frozen=True)
class SyntheticCaller:
    """One caller with all that is random about them; ``asks`` and ``arrives`` in seconds since opening."""

    id: str
    arrives: float
    lang: str
    wants_person: bool
    asks: float
    patience_s: float
    talk_s: float
    answers_s: tuple[float, ...]
    satisfied: bool


@dataclass(frozen=True)
class SyntheticWait:
    """The result of a request for a person: ``adviser`` counts from 1, 0 when none answered."""

    waited_s: float
    adviser: int
    position: int


def simulate(day: SyntheticDay, seed: int) -> list[Stamped]:
    """The events of ``day``, call after call; the same ``seed`` gives the same events."""
    callers = draw(day, random.Random(seed))
    waits = serve(day, callers)
    return [item for caller in callers for item in _story(day, caller, waits.get(caller.id))]


def draw(day: SyntheticDay, dice: random.Random) -> list[SyntheticCaller]:
    """Draw the day's callers, in the order of their arrival."""
    mean = day.calls / sum(day.profile)
    arrivals = [
        (hour + part) * day.hour_s
        for hour, weight in enumerate(day.profile)
        for part in _poisson(mean * weight, dice)
    ]
    return [_caller(day, number, at, dice) for number, at in enumerate(arrivals, 1)]


def _poisson(expected: float, dice: random.Random) -> Iterator[float]:
    """Arrivals in an interval of length 1, with exponential gaps."""
    at = dice.expovariate(expected) if expected else 1.0
    while at < 1.0:
        yield at
        at += dice.expovariate(expected)


def _caller(day: SyntheticDay, number: int, at: float, dice: random.Random) -> SyntheticCaller:
    return SyntheticCaller(
        id=f"sim-{number:04}",
        arrives=at,
        lang=dice.choices(list(LANGUAGES), list(LANGUAGES.values()))[0],
        wants_person=dice.random() < day.wants_person,
        asks=at + dice.expovariate(1 / day.asks_after_s),
        patience_s=dice.expovariate(1 / day.patience_s),
        talk_s=dice.expovariate(1 / day.talk_s),
        answers_s=tuple(round(dice.lognormvariate(-0.2, 0.15), 3) for _ in range(dice.randint(1, 3))),
        satisfied=dice.random() < 0.9,
    )


def serve(day: SyntheticDay, callers: Sequence[SyntheticCaller]) -> dict[str, SyntheticWait]:
    """The result of each request for a person by the caller's id; callers are served first come, first served."""
    free = [(0.0, adviser) for adviser in range(1, day.advisers + 1)]
    heapq.heapify(free)
    waits: dict[str, SyntheticWait] = {}
    ends: list[float] = []
    for caller in sorted((one for one in callers if one.wants_person), key=lambda one: one.asks):
        ends = [end for end in ends if end > caller.asks]
        start, adviser = max(caller.asks, free[0][0]), free[0][1]
        waited_s, position = start - caller.asks, len(ends) + 1
        stays_s = min(caller.patience_s, day.limit_s)
        if waited_s > stays_s:
            waits[caller.id] = SyntheticWait(stays_s, 0, position)
        else:
            heapq.heapreplace(free, (start + caller.talk_s, adviser))
            waits[caller.id] = SyntheticWait(waited_s, adviser, position)
        ends.append(caller.asks + min(waited_s, stays_s))
    return waits


def _story(day: SyntheticDay, caller: SyntheticCaller, waiting: SyntheticWait | None) -> Iterator[Stamped]:
    """The events of one call."""
    answered = int((day.opens + caller.arrives) * NANO)

    def at(t: float, event: events.Event, place: int) -> Stamped:
        return Stamped(caller.id, answered + int(t * NANO) + place, round(t, 3), event)

    yield at(0.0, events.CallStarted("", "accueil", "simulation"), 0)
    yield at(3.0, events.LanguageChosen(caller.lang, LanguageSource.KEY), 1)
    asks = end = caller.asks - caller.arrives
    outcome = CallOutcome.ANSWERED if caller.satisfied else CallOutcome.ABANDONED
    if waiting is not None:
        waited = list(_waited(day, caller, waiting))
        for place, (t, event) in enumerate(waited, 2):
            yield at(asks + t, event, place)
        end, outcome = asks + waited[-1][0], _outcome(day, waiting)
    by = Party.SERVICE if outcome is CallOutcome.MESSAGE else Party.CALLER
    yield at(end, events.CallFinished(outcome, by, round(end, 3)), 20)
    for turn, seconds in enumerate(caller.answers_s, 1):
        yield at(end, events.MouthToEar(turn, round(4.0 + turn, 3), seconds), 20 + turn)


def _waited(
    day: SyntheticDay, caller: SyntheticCaller, waiting: SyntheticWait
) -> Iterator[tuple[float, events.Event]]:
    """The events of the wait, each with its seconds since the request."""
    waited_s = round(waiting.waited_s, 1)
    yield 0.0, events.PersonWanted(PersonReason.ASKED)
    yield 0.0, events.Queued(queue_of(caller.lang), waiting.position, 0.0)
    if waiting.adviser:
        name = f"adviser-{waiting.adviser}"
        yield waited_s, events.PersonAnswered(name, waited_s)
        yield waited_s + caller.talk_s, events.PersonLeft(name, round(caller.talk_s, 1), Party.CALLER)
    elif caller.patience_s < day.limit_s:
        yield waited_s, events.QueueLeft(QueueExit.HANG_UP, waited_s)
    else:
        yield waited_s, events.QueueLeft(QueueExit.TIMEOUT, waited_s)
        file = f"voicemail/{caller.id}.wav"
        left = events.MessageLeft(caller.id, file, caller.lang, "", 15.0, MessageEnd.SENT)
        yield waited_s + 20.0, left


def _outcome(day: SyntheticDay, waiting: SyntheticWait) -> CallOutcome:
    if waiting.adviser:
        return CallOutcome.PERSON
    return CallOutcome.MESSAGE if waiting.waited_s >= day.limit_s else CallOutcome.ABANDONED
