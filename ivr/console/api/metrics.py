"""``/metrics``: the state of the service for Prometheus; docs/grafana.json is a dashboard for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from ivr import __version__
from ivr.asterisk import queues
from ivr.console.api.call_metrics import DAY_S, CallMetrics
from ivr.console.api.health import check_parts, content_problems
from ivr.console.api.problems import REFUSALS
from ivr.console.context import ConsoleContext, Context
from ivr.core.errors import IvrError
from ivr.core.settings import Settings
from ivr.store import inbox, queries

log = logging.getLogger(__name__)

router = APIRouter(tags=["service"], responses=REFUSALS)


class Metrics:
    """The metrics of calls, and gauges that are read at every scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = CallMetrics(self.registry)
        self._info = self._gauge(
            "info", "Always 1; the labels name what is in use", "version", "generation", "recogniser"
        )
        self._part = self._gauge("part_up", "1 if the part answers, else 0", "part")
        self._content = self._gauge(
            "content_problem", "1 for each problem of edited or published content", "problem"
        )
        self._running = self._gauge("calls_running", "Calls in progress")
        self._waiting = self._gauge("callers_waiting", "Callers waiting for a person", "queue")
        self._longest = self._gauge("longest_wait_seconds", "Waiting time of the first caller")
        self._advisers = self._gauge("advisers", "Advisers", "state")
        self._messages = self._gauge("messages", "Messages in the inbox", "state")
        self._spool = self._gauge("spool_bytes", "Events waiting for the database")

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        return Gauge(f"accueil_{name}", description, labels, registry=self.registry)

    async def read(self, context: Context) -> bytes:
        """Read all metrics; returns Prometheus's text format without the values that cannot be read now."""
        settings = context.settings
        parts = await check_parts(settings, context.store)
        _fill(self._part, {(part,): float(state == "ok") for part, state in parts.items()})
        _fill(self._content, {(one,): 1.0 for one in await content_problems(settings)})
        await self._read_queues(settings)
        self._spool.set(await asyncio.to_thread(_size, settings.state_dir.spool))
        try:
            await asyncio.to_thread(self._read_store, context)
        except SQLAlchemyError as error:
            log.warning("metrics without the store (%s)", type(error).__name__)
        return generate_latest(self.registry)

    async def _read_queues(self, settings: Settings) -> None:
        try:
            async with queues.connect(settings) as ami:
                members, waiting = await queues.queue_status(ami)
        except (IvrError, OSError):
            members, waiting = [], []
        _fill(self._advisers, _tally((member.state,) for member in members))
        _fill(self._waiting, _tally((caller.queue,) for caller in waiting))
        self._longest.set(max((caller.seconds for caller in waiting), default=0))

    def _read_store(self, context: Context) -> None:
        store = context.store
        self.calls.update(store)
        self._running.set(len(queries.running_calls(store, time.time() - DAY_S)))
        _fill(self._messages, {(state,): float(count) for state, count in inbox.counts(store).items()})
        last = queries.recent_calls(store, 1)
        in_use = (str(last[0].generation), last[0].recogniser) if last else ("", "")
        _fill(self._info, {(__version__, *in_use): 1.0})


def app_metrics(request: Request) -> Metrics:
    """The metrics of the application."""
    found: Metrics = request.app.state.metrics
    return found


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(context: ConsoleContext, found: Annotated[Metrics, Depends(app_metrics)]) -> Response:
    """Return metrics of calls and of every part."""
    return Response(await found.read(context), media_type=CONTENT_TYPE_LATEST)


def _tally(labels: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], float]:
    return {label: float(n) for label, n in Counter(labels).items()}


def _size(folder: Path) -> int:
    """Bytes in the event files of a folder; a file that disappears counts nothing."""
    total = 0
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _fill(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    """Set these values and remove all other labels."""
    gauge.clear()
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
