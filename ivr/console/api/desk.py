"""The adviser's screen over HTTP: who is on the line, pushed when a telephone rings; the advisers' states."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from ivr.asterisk import queues
from ivr.console.api.problems import REFUSALS, Problem
from ivr.console.context import Context, Here
from ivr.core import clock, events, vocabulary
from ivr.core.errors import AmiError
from ivr.core.pbx_names import language_of
from ivr.core.pseudonyms import shown
from ivr.store import queries
from ivr.store.rows import EventRow

router = APIRouter(prefix="/desk", tags=["desk"], responses=REFUSALS)
LOOK_S, ALIVE_S, RECENT_S = 0.3, 15.0, 30
"""How often the store is looked at for a ringing telephone, and a sign of life sent; how far back is looked."""
PUSHED = {"queued", "ringing", "person-answered", "person-left", "queue-left"}


class AdviserOnDuty(BaseModel):
    """An adviser and his state."""

    name: str
    state: str = Field(description="available, paused, away, ringing, in-call, wrap-up or unreachable")
    languages: list[str]
    calls: int = Field(description="calls taken since Asterisk started")


class QueueEntry(BaseModel):
    """A caller who waits."""

    call: str
    lang: str
    place: int
    seconds: int


class DeskView(BaseModel):
    """The advisers and those who wait for them."""

    advisers: list[AdviserOnDuty]
    waiting: list[QueueEntry]


class AdviserState(BaseModel):
    """A state to be set."""

    state: Literal["available", "paused", "away"]


class QueueState(BaseModel):
    """One thing that was said; ``who``: caller or service."""

    who: str
    text: str
    confidence: float | None = Field(default=None, description="the recogniser's, 0 to 1")


class Earlier(BaseModel):
    """An earlier call of that number today."""

    id: str
    started: dt.datetime
    outcome: str


class OnTheLine(BaseModel):
    """What an adviser should know of a call that rings for him."""

    call: str
    number: str = Field(description="its last digits; the telephone shows the whole")
    lang: str
    why: str = Field(description="as in the event person-wanted")
    intent: str
    confidence: float = Field(description="how sure the service was of the intent, 0 to 1")
    transcript: list[QueueState]
    earlier: list[Earlier]


@router.get("", summary="Advisers and those who wait")
async def look(here: Here) -> DeskView:
    """As Asterisk's queues have it now."""
    try:
        async with queues.connect(here.settings) as ami:
            members, waiting = await queues.queue_status(ami)
    except AmiError as error:
        raise Problem(503, str(error)) from None
    names = _names(here)
    return DeskView(
        advisers=[
            AdviserOnDuty(name=names.get(one.id, one.id), state=one.state, calls=one.calls,
                    languages=[language_of(queue) for queue in one.queues])
            for one in members
        ],
        waiting=[
            QueueEntry(call=one.call_id, lang=language_of(one.queue), place=one.place, seconds=one.seconds)
            for one in waiting
        ],
    )  # fmt: skip


@router.put("/advisers/{name}", status_code=204, summary="Set an adviser's state")
async def set_state(here: Here, name: Annotated[str, Path()], wanted: AdviserState) -> None:
    """Available, paused or away; kept over a restart."""
    ids = [adviser.id for adviser in here.callflow.advisers if name in (adviser.name, adviser.id)]
    if not ids:
        raise Problem(404, f"no adviser {name}")
    try:
        async with queues.connect(here.settings) as ami:
            await queues.set_state(ami, ids[0], vocabulary.AdviserState(wanted.state))
    except AmiError as error:
        raise Problem(503, str(error)) from None


@router.get("/calls/{call}", summary="Who is on the line")
def on_the_line(here: Here, call: str) -> OnTheLine:
    """Transcript, intent and earlier calls of that number today; the id is in the header X-Accueil-Call."""
    row = queries.call(here.store, call)
    if row is None or row.id != call:
        raise Problem(404, f"no call {call}")
    story = [item.event for item in queries.events_of(here.store, call)]
    understood = [event for event in story if isinstance(event, events.Understood)]
    wanted = [event for event in story if isinstance(event, events.PersonWanted)]
    earlier = queries.earlier_calls(here.store, row, _midnight(here))
    return OnTheLine(
        call=call, number=shown(row.number), lang=row.lang, why=wanted[-1].why if wanted else "",
        intent=understood[-1].intent if understood else "",
        confidence=understood[-1].confidence if understood else 0.0,
        transcript=[line for event in story if (line := _line(event)) is not None],
        earlier=[
            Earlier(id=one.id, started=dt.datetime.fromtimestamp(one.started, dt.UTC), outcome=one.outcome)
            for one in earlier
        ],
    )  # fmt: skip


@router.get("/events", summary="Pushed when a telephone rings")
async def pushed(
    here: Here, adviser: Annotated[str, Query(description="only what concerns this adviser")] = ""
) -> StreamingResponse:
    """Server-sent events: queued, ringing, person-answered, person-left, queue-left, with the call's id."""
    return StreamingResponse(_stream(here, adviser), media_type="text/event-stream")


async def _stream(context: Context, adviser: str) -> AsyncIterator[str]:
    seen = {_key(row) for row in await asyncio.to_thread(_recent, context)}
    quiet = 0.0
    yield ": connected\n\n"
    while True:
        recent = await asyncio.to_thread(_recent, context)
        fresh = [row for row in recent if _key(row) not in seen]
        seen = {_key(row) for row in recent}
        for row in fresh:
            body: dict[str, Any] = json.loads(row.body)
            if not adviser or body.get("adviser", adviser) == adviser:
                yield f"event: {row.kind}\ndata: {json.dumps(body)}\n\n"
        quiet = 0.0 if fresh else quiet + LOOK_S
        if quiet > ALIVE_S:
            quiet = 0.0
            yield ": alive\n\n"
        await asyncio.sleep(LOOK_S)


def _recent(context: Context) -> list[EventRow]:
    """Of the last seconds: events of several processes reach the store in no strict order."""
    return queries.events_since(context.store, PUSHED, time.time_ns() - RECENT_S * 1_000_000_000)


def _key(row: EventRow) -> tuple[str, int]:
    return row.call_id, row.seq


def _line(event: events.Event) -> QueueState | None:
    match event:
        case events.Said():
            return QueueState(who="service", text=event.text)
        case events.Heard():
            return QueueState(who="caller", text=event.text, confidence=event.confidence)
        case events.KeyPressed():
            return QueueState(who="caller", text=f"[{event.digit}]")
    return None


def _names(context: Context) -> dict[str, str]:
    return {adviser.id: adviser.name for adviser in context.callflow.advisers}


def _midnight(context: Context) -> float:
    now = clock.wall(context.callflow.hours.zone)
    return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
