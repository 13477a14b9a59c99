"""``/metrics``: the state of the service for Prometheus; docs/grafana.json shows it."""

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
from ivr.console.api.health import look
from ivr.console.api.problems import REFUSALS
from ivr.console.context import Context, Here
from ivr.core.errors import IvrError
from ivr.core.settings import Settings
from ivr.store import inbox, queries

log = logging.getLogger(__name__)

router = APIRouter(tags=["service"], responses=REFUSALS)


class Metrics:
    """The counters, and the gauges that are read anew at every scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.meter = CallMetrics(self.registry)
        self._info = self._gauge(
            "info", "1; the labels say what is in use", "version", "generation", "recogniser"
        )
        self._part = self._gauge("part_up", "1: the part answers", "part")
        self._running = self._gauge("calls_running", "Calls that go on")
        self._waiting = self._gauge("callers_waiting", "Callers who wait for a person", "queue")
        self._longest = self._gauge("longest_wait_seconds", "How long the first of them has waited")
        self._advisers = self._gauge("advisers", "Advisers", "state")
        self._messages = self._gauge("messages", "Messages in the inbox", "state")
        self._spool = self._gauge("spool_bytes", "Events that wait for the database")

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"accueil_{name}", what, labels, registry=self.registry)

    async def read(self, context: Context) -> bytes:
        """All of it in Prometheus's text format; what cannot be had now is left out."""
        settings = context.settings
        parts = await look(settings, context.store)
        _fill(self._part, {(part,): float(state == "ok") for part, state in parts.items()})
        await self._read_floor(settings)
        self._spool.set(await asyncio.to_thread(_size, settings.state_dir.spool))
        try:
            await asyncio.to_thread(self._read_store, context)
        except SQLAlchemyError as error:
            log.warning("metrics without the store (%s)", type(error).__name__)
        return generate_latest(self.registry)

    async def _read_floor(self, settings: Settings) -> None:
        try:
            async with queues.connect(settings) as ami:
                members, waiting = await queues.queue_status(ami)
        except (IvrError, OSError):
            members, waiting = [], []
        _fill(self._advisers, _counted((member.state,) for member in members))
        _fill(self._waiting, _counted((one.queue,) for one in waiting))
        self._longest.set(max((one.seconds for one in waiting), default=0))

    def _read_store(self, context: Context) -> None:
        store = context.store
        self.meter.update(store)
        self._running.set(len(queries.running_calls(store, time.time() - DAY_S)))
        _fill(self._messages, {(state,): float(count) for state, count in inbox.counts(store).items()})
        last = queries.recent_calls(store, 1)
        in_use = (str(last[0].generation), last[0].recogniser) if last else ("", "")
        _fill(self._info, {(__version__, *in_use): 1.0})


def board(request: Request) -> Metrics:
    """One a console."""
    found: Metrics = request.app.state.board
    return found


@router.get("/metrics", summary="For Prometheus", response_class=Response)
async def metrics(here: Here, board: Annotated[Metrics, Depends(board)]) -> Response:
    """Counts of calls and times, and the state of every part."""
    return Response(await board.read(here), media_type=CONTENT_TYPE_LATEST)


def _counted(labels: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], float]:
    return {label: float(n) for label, n in Counter(labels).items()}


def _size(folder: Path) -> int:
    """Bytes in the files of a folder; one that goes meanwhile counts nothing."""
    total = 0
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _fill(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    """These values, and no label that was there before."""
    gauge.clear()
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
