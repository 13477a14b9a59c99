"""Callbacks over HTTP: list, read, take, release, done, close, reopen.

Numbers appear in bodies only, never in an address, because servers and proxies log addresses.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints

from ivr.console.api.messages import Name, to_datetime
from ivr.console.api.problems import REFUSALS
from ivr.console.context import ConsoleContext
from ivr.store import callbacks
from ivr.store.callbacks import LONGEST_OUTCOME
from ivr.store.rows import CallbackRow
from ivr.store.states import AttemptResult

router = APIRouter(prefix="/callbacks", tags=["callbacks"], responses=REFUSALS)

CallbackState = Literal["open", "calling", "done", "closed"]
CallbackOutcome = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_OUTCOME)
]


class Attempt(BaseModel):
    """One attempt to call back, which rang an adviser's telephone."""

    at: dt.datetime
    adviser: str
    result: str = Field(description=f"{', '.join(AttemptResult)}; empty: in progress")
    seconds: float = Field(description="length of the conversation")


class CallbackSummary(BaseModel):
    """A caller's request to be called back."""

    id: str
    call: str = Field(description="the call in which they asked, see /calls")
    asked_at: dt.datetime
    number: str
    lang: str
    topic: str = Field(description="the intent they last asked about, or empty")
    start: dt.datetime = Field(description="start of the promised window")
    end: dt.datetime = Field(description="end of the promised window")
    state: CallbackState
    owner: str = Field(
        description="who has taken it, or the adviser who called; empty: the next free adviser"
    )
    attempts: int = Field(description="number of times the caller's telephone rang")
    outcome: str


class WholeCallback(CallbackSummary):
    """A callback with its attempts, oldest first."""

    tried: list[Attempt]


class Taking(BaseModel):
    """Who will call back."""

    by: Name


class Finish(BaseModel):
    """Who has ended the callback, and how."""

    by: Name
    outcome: CallbackOutcome


@router.get("", summary="Callbacks, open ones first, ordered by window")
def list_callbacks(
    context: ConsoleContext,
    state: CallbackState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[CallbackSummary]:
    """Return all callbacks, or those in one state."""
    return [CallbackSummary(**_facts(row)) for row in callbacks.listed(context.store, state or "", limit)]


@router.get("/{id}", summary="One callback with its attempts")
def callback(context: ConsoleContext, id: str) -> WholeCallback:
    """Return one callback."""
    row = callbacks.one(context.store, id)
    tried = [
        Attempt(at=to_datetime(one.at), adviser=one.adviser, result=one.result, seconds=one.seconds)
        for one in callbacks.attempts_of(context.store, row.id)
    ]
    return WholeCallback(**_facts(row), tried=tried)


@router.post("/{id}/take", summary="Take a callback: no adviser is rung for it")
def take(context: ConsoleContext, id: str, body: Taking) -> WholeCallback:
    """When two people take it at once, one of them gets it."""
    callbacks.take(context.store, id, body.by)
    return callback(context, id)


@router.post("/{id}/release", summary="Give a callback back: advisers are rung for it again")
def release(context: ConsoleContext, id: str) -> WholeCallback:
    """Anyone may release it, because the person who took it may have left."""
    callbacks.release(context.store, id)
    return callback(context, id)


@router.post("/{id}/done", summary="Record that the caller was called back")
def done(context: ConsoleContext, id: str, body: Finish) -> WholeCallback:
    """Set the state to done, with the outcome."""
    callbacks.finish(context.store, id, body.by, body.outcome, done=True)
    return callback(context, id)


@router.post("/{id}/close", summary="Record that the caller will not be called back")
def close(context: ConsoleContext, id: str, body: Finish) -> WholeCallback:
    """Set the state to closed, with the reason."""
    callbacks.finish(context.store, id, body.by, body.outcome, done=False)
    return callback(context, id)


@router.post(
    "/{id}/reopen", summary="Open an ended callback again: advisers are rung for it in the next window"
)
def reopen(context: ConsoleContext, id: str) -> WholeCallback:
    """Set the state to open, with all attempts; refused when the number is not kept any more."""
    callbacks.reopen(context.store, id)
    return callback(context, id)


def _facts(row: CallbackRow) -> dict[str, Any]:
    """The fields of a CallbackSummary."""
    times = {
        "asked_at": to_datetime(row.asked_at),
        "start": to_datetime(row.start),
        "end": to_datetime(row.end),
    }
    return {**asdict(row), **times, "call": row.call_id or ""}
