"""Counts calls into the figures of a report: service level, answer rate, abandonment, waiting, containment.  Pure.

There are at least five ways to count a service level (ICMI, "Service Level Calculations", QueueTips, July 2002).
``service_level`` is the strictest of them: answered within 30 s, of all who asked.  A caller who gives up counts as
not answered, even after a second.  ``service_level_staffed`` leaves out callers who hung up within 5 s (wrong key,
second thought) and callers who asked when nobody was on duty.  It is the one to compare with other centres.
docs/report.md describes every figure.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ivr.core.vocabulary import QueueExit
from ivr.reporting.call_facts import ANSWERED, CallFacts, ContactKind

WITHIN_S = 30.0
"""A request that is answered within so many seconds is answered in time."""
SHORT_S = 5.0
"""A caller who hangs up within so many seconds of the request did not really wait."""


@dataclass(frozen=True)
class Kpis:
    """Counts of a group of calls, and the shares that follow from them (None without calls).

    ``kinds``: calls of each kind; ``ended``: requests by how they ended; ``short``: callers who hung up within
    SHORT_S; ``in_time``: requests answered within WITHIN_S.  Tuples hold seconds: waits until an answer and until a
    hang-up, talks, and mouth-to-ear times.
    """

    group: str
    kinds: Counter[ContactKind]
    ended: Counter[str]
    short: int
    in_time: int
    waited_s: tuple[float, ...]
    gave_up_s: tuple[float, ...]
    talked_s: tuple[float, ...]
    messages: int
    callbacks: int
    answers_s: tuple[float, ...]

    @classmethod
    def of(cls, calls: Sequence[CallFacts], group: str = "all") -> Kpis:
        """Count ``calls``; ``group`` names them."""
        asked = [request for call in calls for request in call.requests]
        waited = [request.waited_s for request in asked if request.ended == ANSWERED]
        gave_up = [request.waited_s for request in asked if request.ended == QueueExit.HANG_UP]
        return cls(
            group,
            Counter(call.kind for call in calls),
            Counter(request.ended for request in asked),
            short=sum(seconds <= SHORT_S for seconds in gave_up),
            in_time=sum(seconds <= WITHIN_S for seconds in waited),
            waited_s=tuple(sorted(waited)),
            gave_up_s=tuple(sorted(gave_up)),
            talked_s=tuple(seconds for call in calls for seconds in call.talked_s),
            messages=sum(call.messages for call in calls),
            callbacks=sum(call.callbacks for call in calls),
            answers_s=tuple(sorted(seconds for call in calls for seconds in call.answers_s)),
        )

    @property
    def calls(self) -> int:
        """The number of calls."""
        return self.kinds.total()

    @property
    def asked(self) -> int:
        """Requests for a person; a call may hold more than one."""
        return self.ended.total()

    @property
    def answered(self) -> int:
        """Requests that a person answered."""
        return self.ended[ANSWERED]

    @property
    def service_level(self) -> float | None:
        """Answered within 30 s, of all who asked."""
        return share(self.in_time, self.asked)

    @property
    def service_level_staffed(self) -> float | None:
        """The same without callers who hung up within 5 s or asked when nobody was on duty."""
        return share(self.in_time, self.asked - self.short - self.ended[QueueExit.EMPTY])

    @property
    def answer_rate(self) -> float | None:
        """Answered after any time, of all who asked."""
        return share(self.answered, self.asked)

    @property
    def abandonment(self) -> float | None:
        """Hung up while waiting, of all who asked."""
        return share(self.ended[QueueExit.HANG_UP], self.asked)

    @property
    def containment(self) -> float | None:
        """Calls that the service answered by itself, of all calls."""
        return share(self.kinds[ContactKind.CONTAINED], self.calls)

    def row(self) -> dict[str, str | int | float | None]:
        """All figures as one flat row, for JSON and CSV; shares have four digits, times are in seconds."""
        return {
            "group": self.group,
            "calls": self.calls,
            **{kind.value: self.kinds[kind] for kind in ContactKind},
            "containment": _rounded(self.containment),
            "asked": self.asked,
            "answered": self.answered,
            "answered_in_time": self.in_time,
            "hung_up": self.ended[QueueExit.HANG_UP],
            "hung_up_short": self.short,
            "took_callback": self.ended[QueueExit.CALLBACK],
            "took_message": self.ended[QueueExit.MESSAGE],
            "waited_too_long": self.ended[QueueExit.TIMEOUT],
            "declined": self.ended[QueueExit.DECLINED],
            "nobody_there": self.ended[QueueExit.EMPTY],
            "service_level": _rounded(self.service_level),
            "service_level_staffed": _rounded(self.service_level_staffed),
            "answer_rate": _rounded(self.answer_rate),
            "abandonment": _rounded(self.abandonment),
            "wait_p50_s": rank(self.waited_s, 0.5),
            "wait_p95_s": rank(self.waited_s, 0.95),
            "gave_up_p50_s": rank(self.gave_up_s, 0.5),
            "talk_mean_s": _mean(self.talked_s),
            "messages": self.messages,
            "callbacks": self.callbacks,
            "answers": len(self.answers_s),
            "mouth_to_ear_p50_s": rank(self.answers_s, 0.5),
            "mouth_to_ear_p95_s": rank(self.answers_s, 0.95),
        }


def by_language(calls: Sequence[CallFacts]) -> list[Kpis]:
    """The figures of each language, in alphabetical order; ``none`` holds calls without a language."""
    return _by(calls, lambda call: call.lang or "none")


def by_hour(calls: Sequence[CallFacts], zone: ZoneInfo) -> list[Kpis]:
    """The figures of each hour of the day, by the begin of the calls in the time ``zone``."""
    return _by(calls, lambda call: f"{dt.datetime.fromtimestamp(call.started, zone):%H}")


def _by(calls: Sequence[CallFacts], group: Callable[[CallFacts], str]) -> list[Kpis]:
    names = sorted({group(call) for call in calls})
    return [Kpis.of([call for call in calls if group(call) == name], name) for name in names]


def share(part: int, whole: int) -> float | None:
    """``part`` of ``whole`` (0 to 1); None when the whole is empty."""
    return part / whole if whole > 0 else None


def rank(values: Iterable[float], part: float) -> float | None:
    """Percentile by nearest rank: the smallest value that ``part`` (0 to 1) of all values do not exceed.

    It is always one of the values, so that it can be checked by counting; None without values.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(round(part * len(ordered), 9)) - 1)] if ordered else None


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
