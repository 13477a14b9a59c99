"""Calls over HTTP: the newest, and one as its events."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ivr.console.api.problems import REFUSALS, Problem
from ivr.console.context import Here
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
    outcome: str = Field(description="answered, person, message, abandoned, fallback; empty: it goes on")
    ended_by: str
    seconds: float


class CallTimeline(CallSummary):
    """A call with its events in their order; their fields are described in docs/events.md."""

    events: list[dict[str, Any]]


@router.get("", summary="The newest calls")
def calls(here: Here, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[CallSummary]:
    """The newest first."""
    return [CallSummary(**_facts(row)) for row in queries.recent_calls(here.store, limit)]


@router.get("/{id}", summary="One call as a timeline")
def call(here: Here, id: str) -> CallTimeline:
    """All that happened in a call; ``t`` is seconds from the answer."""
    row = queries.call(here.store, id)
    if row is None or row.id != id:
        raise Problem(404, f"no call {id}")
    return CallTimeline(**_facts(row), events=[to_json(item) for item in queries.events_of(here.store, id)])


def _facts(row: CallRow) -> dict[str, Any]:
    started = dt.datetime.fromtimestamp(row.started, dt.UTC)
    return {**asdict(row), "number": shown(row.number), "started": started}
