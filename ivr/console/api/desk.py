"""The adviser's screen over HTTP: the call that rings, pushed events, and the advisers' states."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from ivr.asterisk import queues
from ivr.console.api.problems import REFUSALS, Problem
from ivr.console.context import ConsoleContext, Context
from ivr.core import clock, events, vocabulary
from ivr.core.errors import AmiError
from ivr.core.pbx_names import language_of
from ivr.core.pseudonyms import shown
from ivr.store import queries
from ivr.store.rows import EventRow

router = APIRouter(prefix="/desk", tags=["desk"], responses=REFUSALS)
POLL_S = 0.3
"""Interval at which the store is read for new events."""
KEEP_ALIVE_S = 15.0
"""Silence after which a comment is sent, so that proxies keep the connection."""
RECENT_S = 30
"""How far back events are read: events of several processes reach the store in no strict order."""
LOOK_BACK_S = 600
"""How far back a screen that connects is told what goes on: longer than anybody waits in a queue."""
OVER = {"person-left", "queue-left"}
"""Kinds of events after which a call concerns no screen."""
PUSHED = {"queued", "ringing", "person-answered", "person-left", "queue-left"}
"""Kinds of events that are pushed."""


class AdviserOnDuty(BaseModel):
    """An adviser and their state."""

    name: str
    state: str = Field(description="available, paused, away, ringing, in-call, wrap-up or unreachable")
    languages: list[str]
    calls: int = Field(description="calls taken since Asterisk started")


class QueueEntry(BaseModel):
    """A waiting caller."""

    call: str
    lang: str
    place: int
    seconds: int


class DeskView(BaseModel):
    """The advisers and the waiting callers."""

    advisers: list[AdviserOnDuty]
    waiting: list[QueueEntry]


class StateChange(BaseModel):
    """The state to set."""

    state: Literal["available", "paused", "away"]


class TranscriptLine(BaseModel):
    """One utterance, or a pressed key; ``who`` is caller or service."""

    who: str
    text: str
    confidence: float | None = Field(default=None, description="confidence of the recogniser, 0 to 1")


class Earlier(BaseModel):
    """An earlier call from the same number today."""

    id: str
    started: dt.datetime
    outcome: str


class CallInfo(BaseModel):
    """What an adviser should know about the call that rings."""

    call: str
    number: str = Field(description="its last digits; the telephone shows the whole number")
    lang: str
    why: str = Field(description="as in the event person-wanted")
    intent: str
    confidence: float = Field(description="how sure the service was of the intent, 0 to 1")
    transcript: list[TranscriptLine]
    earlier: list[Earlier]


@router.get("", summary="Advisers and waiting callers")
async def desk(context: ConsoleContext) -> DeskView:
    """Return the present state of Asterisk's queues."""
    try:
        async with queues.connect(context.settings) as ami:
            members, waiting = await queues.queue_status(ami)
    except AmiError as error:
        raise Problem(503, str(error)) from None
    names = {adviser.id: adviser.name for adviser in context.callflow.advisers}
    return DeskView(
        advisers=[
            AdviserOnDuty(
                name=names.get(member.id, member.id),
                state=member.state,
                languages=[language_of(queue) for queue in member.queues],
                calls=member.calls,
            )
            for member in members
        ],
        waiting=[
            QueueEntry(
                call=caller.call_id,
                lang=language_of(caller.queue),
                place=caller.place,
                seconds=caller.seconds,
            )
            for caller in waiting
        ],
    )


@router.put("/advisers/{name}", status_code=204, summary="Set an adviser's state")
async def set_state(context: ConsoleContext, name: Annotated[str, Path()], change: StateChange) -> None:
    """Set available, paused or away; the state survives a restart of Asterisk."""
    ids = [adviser.id for adviser in context.callflow.advisers if name in (adviser.name, adviser.id)]
    if not ids:
        raise Problem(404, f"no adviser {name}")
    try:
        async with queues.connect(context.settings) as ami:
            await queues.set_state(ami, ids[0], vocabulary.AdviserState(change.state))
    except AmiError as error:
        raise Problem(503, str(error)) from None


@router.get("/calls/{call}", summary="The call on the line")
def on_the_line(context: ConsoleContext, call: str) -> CallInfo:
    """Return transcript, intent and today's earlier calls from the number; X-Accueil-Call holds the call's id."""
    row = queries.call(context.store, call)
    if row is None or row.id != call:
        raise Problem(404, f"no call {call}")
    story = [item.event for item in queries.events_of(context.store, call)]
    understood = [event for event in story if isinstance(event, events.Understood)]
    wanted = [event for event in story if isinstance(event, events.PersonWanted)]
    earlier = queries.earlier_calls(context.store, row, _midnight(context))
    return CallInfo(
        call=call,
        number=shown(row.number),
        lang=row.lang,
        why=wanted[-1].why if wanted else "",
        intent=understood[-1].intent if understood else "",
        confidence=understood[-1].confidence if understood else 0.0,
        transcript=[line for event in story if (line := _transcript_line(event)) is not None],
        earlier=[
            Earlier(id=row.id, started=dt.datetime.fromtimestamp(row.started, dt.UTC), outcome=row.outcome)
            for row in earlier
        ],
    )


@router.get("/events", summary="Events pushed when a telephone rings")
async def stream_events(
    context: ConsoleContext,
    adviser: Annotated[str, Query(description="only events that concern this adviser")] = "",
    last_event_id: Annotated[str, Header(description="the id of the last event that the screen has")] = "",
) -> StreamingResponse:
    """Send queued, ringing, person-answered, person-left and queue-left as server-sent events.

    A screen that connects is sent the last event of each call that still waits, rings or talks.  One that connects
    again, with ``Last-Event-ID``, is sent every event since then.
    """
    after = int(last_event_id) if last_event_id.isdecimal() else 0
    return StreamingResponse(_stream(context, adviser, after), media_type="text/event-stream")


async def _stream(context: Context, adviser: str, after: int) -> AsyncIterator[str]:
    known = await asyncio.to_thread(_events, context, LOOK_BACK_S)
    fresh = [row for row in known if row.seq > after] if after else _going_on(known)
    seen = {_key(row) for row in known}
    quiet = 0.0
    yield ": connected\n\n"
    while True:
        for row in fresh:
            body: dict[str, Any] = json.loads(row.body)
            if not adviser or body.get("adviser", adviser) == adviser:
                yield f"id: {row.seq}\nevent: {row.kind}\ndata: {json.dumps(body)}\n\n"
        quiet = 0.0 if fresh else quiet + POLL_S
        if quiet > KEEP_ALIVE_S:
            quiet = 0.0
            yield ": alive\n\n"
        await asyncio.sleep(POLL_S)
        recent = await asyncio.to_thread(_events, context, RECENT_S)
        fresh = [row for row in recent if _key(row) not in seen]
        seen |= {_key(row) for row in fresh}


def _events(context: Context, back_s: int) -> list[EventRow]:
    return queries.events_since(context.store, PUSHED, time.time_ns() - back_s * 1_000_000_000)


def _going_on(rows: list[EventRow]) -> list[EventRow]:
    """The last event of each call that still waits, rings or talks, in their order."""
    last = {row.call_id: row for row in rows}
    return sorted((row for row in last.values() if row.kind not in OVER), key=lambda row: row.seq)


def _key(row: EventRow) -> tuple[str, int]:
    return row.call_id, row.seq


def _transcript_line(event: events.Event) -> TranscriptLine | None:
    match event:
        case events.Said():
            return TranscriptLine(who="service", text=event.text)
        case events.Heard():
            return TranscriptLine(who="caller", text=event.text, confidence=event.confidence)
        case events.KeyPressed():
            return TranscriptLine(who="caller", text=f"[{event.digit}]")
    return None


def _midnight(context: Context) -> float:
    now = clock.wall(context.callflow.hours.zone)
    return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
