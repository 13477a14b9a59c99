"""The report's figures counted again, another way: straight from the events of calls that really happened."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ivr.core import events

WITHIN_S = 30.0


def by_hand(stories: Iterable[Sequence[events.Stamped]]) -> dict[str, Any]:
    """What `ivr report` has to say of these calls.  Each may ask for a person once."""
    told = [[item.event for item in story] for story in stories]
    asked = [story for story in told if any(isinstance(event, events.PersonWanted) for event in story)]
    waits = sorted(
        event.waited_s for story in asked for event in story if isinstance(event, events.PersonAnswered)
    )
    left = [event.why for story in asked for event in story if isinstance(event, events.QueueLeft)]
    return {
        "calls": len(told),
        "asked": len(asked),
        "answered": len(waits),
        "service_level": round(sum(wait <= WITHIN_S for wait in waits) / len(asked), 4),
        "answer_rate": round(len(waits) / len(asked), 4),
        "abandonment": round(left.count("hang-up") / len(asked), 4),
        "wait_p50_s": nearest_rank(waits, 50),
        "wait_p95_s": nearest_rank(waits, 95),
    }


def nearest_rank(values: Sequence[float], percent: int) -> float | None:
    """The smallest value that so many percent do not exceed."""
    return values[math.ceil(len(values) * percent / 100) - 1] if values else None
