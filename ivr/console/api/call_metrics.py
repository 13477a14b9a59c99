"""Prometheus metrics of calls.  A call counts once, when it has ended and its recording was measured."""

from __future__ import annotations

import threading
import time

from prometheus_client import CollectorRegistry, Counter, Histogram

from ivr.core import events
from ivr.store import queries
from ivr.store.database import Store

SETTLED_S = 30.0
"""Seconds after its end by which a call's recording has been measured."""
DAY_S = 86_400.0
ANSWER_S = (0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0)
DECODE_S = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 4.0)
UNDERSTAND_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
WAIT_S = (5, 10, 20, 30, 60, 120, 180, 300, 600)


class CallMetrics:
    """Metrics in ``registry`` of the calls that ended after ``since`` (seconds since 1970; None: now).

    A restart begins at zero, as Prometheus expects.
    """

    def __init__(self, registry: CollectorRegistry, since: float | None = None) -> None:
        self._since = time.time() if since is None else since
        self._counted: dict[str, float] = {}
        self._lock = threading.Lock()
        self._calls = Counter(
            "accueil_calls", "Calls that have ended", ("lang", "outcome"), registry=registry
        )
        self._decisions = Counter(
            "accueil_decisions", "Decisions about questions", ("lang", "decision"), registry=registry
        )
        self._faults = Counter(
            "accueil_faults", "Failures of parts during calls", ("part",), registry=registry
        )
        self._answer = Histogram(
            "accueil_mouth_to_ear_seconds",
            "Time from the end of the caller's speech to the start of the answer",
            ("lang",),
            buckets=ANSWER_S,
            registry=registry,
        )
        self._decode = Histogram(
            "accueil_recognition_seconds",
            "Time to recognise a question",
            ("lang",),
            buckets=DECODE_S,
            registry=registry,
        )
        self._classified = Counter(
            "accueil_classified",
            "Questions, by the classifier that answered",
            ("classifier",),
            registry=registry,
        )
        self._understood = Histogram(
            "accueil_understanding_seconds",
            "Time to understand a question",
            buckets=UNDERSTAND_S,
            registry=registry,
        )
        self._waited = Histogram(
            "accueil_person_wait_seconds",
            "Time that callers waited for a person who answered",
            buckets=WAIT_S,
            registry=registry,
        )

    def update(self, store: Store, now: float | None = None) -> None:
        """Count the calls in ``store`` that have settled since the last update.  Blocks.

        ``now`` is in seconds since 1970; None: the present.
        """
        now = time.time() if now is None else now
        with self._lock:
            for row in queries.ended_calls(store, self._since, now - SETTLED_S, now - DAY_S):
                if row.id not in self._counted:
                    self._counted[row.id] = row.started
                    self._calls.labels(row.lang, row.outcome).inc()
                    self._count(queries.events_of(store, row.id), row.lang)
            self._counted = {call_id: at for call_id, at in self._counted.items() if at > now - DAY_S}

    def _count(self, story: list[events.Stamped], lang: str) -> None:
        for item in story:
            match item.event:
                case events.Heard(decode_s=seconds):
                    self._decode.labels(lang).observe(seconds)
                case events.Understood(ms=ms, classifier=classifier):
                    self._understood.observe(ms / 1000)
                    self._classified.labels(classifier).inc()
                case events.Decided(decision=decision):
                    self._decisions.labels(lang, decision).inc()
                case events.MouthToEar(seconds=seconds):
                    self._answer.labels(lang).observe(seconds)
                case events.PersonAnswered(waited_s=seconds):
                    self._waited.observe(seconds)
                case events.Fault(part=part):
                    self._faults.labels(part).inc()
