"""Callbacks over HTTP: list, read, take, release, done, close.

The number stands in answers, never in an address: addresses are logged by everything on the way.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints

from ivr.console.api.messages import Name, moment
from ivr.console.api.problems import REFUSALS
from ivr.console.context import Here
from ivr.store import callbacks
from ivr.store.callbacks import LONGEST_OUTCOME
from ivr.store.rows import CallbackRow

router = APIRouter(prefix="/callbacks", tags=["callbacks"], responses=REFUSALS)

CallbackState = Literal["open", "calling", "done", "closed"]
CallbackOutcome = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_OUTCOME)
]


class Attempt(BaseModel):
    """One time an adviser's telephone was rung for it."""

    at: dt.datetime
    adviser: str
    result: str = Field(description=f"{', '.join(callbacks.RESULTS)}; empty: under way")
    seconds: float = Field(description="of talk")


class CallbackSummary(BaseModel):
    """Somebody who wants to be called back."""

    id: str
    call: str = Field(description="the call in which he asked, see /calls")
    asked_at: dt.datetime
    number: str
    lang: str
    topic: str = Field(description="the intent he last asked about, or empty")
    start: dt.datetime = Field(description="the window that he was promised")
    end: dt.datetime
    state: CallbackState
    owner: str = Field(description="who has taken it, or the adviser who called; empty: the next free one")
    attempts: int = Field(description="so often the caller's telephone was rung")
    outcome: str


class WholeCallback(CallbackSummary):
    """A callback with all that was tried, oldest first."""

    tried: list[Attempt]


class Taking(BaseModel):
    """Who calls back himself."""

    by: Name


class Finish(BaseModel):
    """Who has ended it, and how."""

    by: Name
    outcome: CallbackOutcome


@router.get("", summary="Callbacks, open ones first, by their window")
def every(
    here: Here, state: CallbackState | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> list[CallbackSummary]:
    """All of them, or those of one state."""
    return [CallbackSummary(**_facts(row)) for row in callbacks.listed(here.store, state or "", limit)]


@router.get("/{id}", summary="One callback with its attempts")
def callback(here: Here, id: str) -> WholeCallback:
    """One callback."""
    row = callbacks.one(here.store, id)
    tried = [
        Attempt(at=moment(one.at), adviser=one.adviser, result=one.result, seconds=one.seconds)
        for one in callbacks.attempts_of(here.store, row.id)
    ]
    return WholeCallback(**_facts(row), tried=tried)


@router.post("/{id}/take", summary="Call back yourself: no adviser is rung for it any more")
def take(here: Here, id: str, body: Taking) -> WholeCallback:
    """Of two people at once one gets it."""
    callbacks.take(here.store, id, body.by)
    return callback(here, id)


@router.post("/{id}/release", summary="Give it back: advisers are rung for it again")
def release(here: Here, id: str) -> WholeCallback:
    """Anybody may: the one who took it may have gone home."""
    callbacks.release(here.store, id)
    return callback(here, id)


@router.post("/{id}/done", summary="The caller was called back")
def done(here: Here, id: str, body: Finish) -> WholeCallback:
    """And how it went."""
    callbacks.finish(here.store, id, body.by, body.outcome, done=True)
    return callback(here, id)


@router.post("/{id}/close", summary="The caller will not be called back, and why")
def close(here: Here, id: str, body: Finish) -> WholeCallback:
    """And why."""
    callbacks.finish(here.store, id, body.by, body.outcome, done=False)
    return callback(here, id)


def _facts(row: CallbackRow) -> dict[str, Any]:
    """A row as the fields of a Callback."""
    times = {"asked_at": moment(row.asked_at), "start": moment(row.start), "end": moment(row.end)}
    return {**asdict(row), **times, "call": row.call_id or ""}
