"""Calls over HTTP: the newest calls, and one call with its events."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ivr.console.api.problems import REFUSALS, Problem
from ivr.console.context import ConsoleContext
from ivr.core.events import to_json
from ivr.core.pseudonyms import shown
from ivr.store import queries
from ivr.store.rows import CallRow

router = APIRouter(prefix="/calls", tags=["calls"], responses=REFUSALS)


class CallSummary(BaseModel):
    """A call."""

    id: str
    started: dt.datetime
    number: str = Field(description="its last digits")
    lang: str
    outcome: str = Field(description="answered, person, message, abandoned, fallback; empty: in progress")
    ended_by: str
    seconds: float


class CallTimeline(CallSummary):
    """A call with its events in order; docs/events.md describes their fields."""

    events: list[dict[str, Any]]


@router.get("", summary="The newest calls")
def calls(context: ConsoleContext, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[CallSummary]:
    """Return the newest calls, newest first."""
    return [CallSummary(**_facts(row)) for row in queries.recent_calls(context.store, limit)]


@router.get("/{id}", summary="One call as a timeline")
def call(context: ConsoleContext, id: str) -> CallTimeline:
    """Return a call with its events; ``t`` is in seconds from the answer."""
    row = queries.call(context.store, id)
    if row is None or row.id != id:
        raise Problem(404, f"no call {id}")
    return CallTimeline(
        **_facts(row), events=[to_json(item) for item in queries.events_of(context.store, id)]
    )


def _facts(row: CallRow) -> dict[str, Any]:
    started = dt.datetime.fromtimestamp(row.started, dt.UTC)
    return {**asdict(row), "number": shown(row.number), "started": started}
