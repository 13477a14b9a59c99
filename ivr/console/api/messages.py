"""Messages over HTTP: list, read, listen, take, release, answer, reopen, note.

Numbers appear in bodies only, never in an address, because servers and proxies log addresses.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field, StringConstraints

from ivr.console.api.problems import REFUSALS, Problem
from ivr.console.context import ConsoleContext, Context
from ivr.content.callflow import Language
from ivr.core import pseudonyms
from ivr.store import inbox, outbox
from ivr.store.inbox import LONGEST_NAME, LONGEST_NOTE, MessageFilter
from ivr.store.rows import MessageRow
from ivr.store.states import MessageAction, TranscriptState

router = APIRouter(prefix="/messages", tags=["messages"], responses=REFUSALS)

MEDIA = {".wav": "audio/wav", ".flac": "audio/flac"}
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
NoteText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_NOTE)]
MessageState = Literal["new", "taken", "answered"]
Action = Literal["take", "release", "answer", "reopen", "note"]


class MessageTranscript(BaseModel):
    """The automatic transcript of a message, which no person has checked."""

    automatic: Literal[True] = True
    text: str
    confidence: float = Field(description="confidence of the recogniser, 0 to 1")
    ready: bool = Field(description="false: not transcribed yet, or not possible")
    state: Literal["waiting", "ready", "not-possible"] = Field(
        description="not-possible: the recogniser failed at each try; please listen"
    )


class MessageSummary(BaseModel):
    """A message from a caller."""

    id: str
    call: str = Field(description="the call in which it was left, see /calls")
    left_at: dt.datetime
    number: str = Field(
        description="as the telephone network gave it; empty: withheld; only its last digits after its retention"
    )
    lang: str
    seconds: float
    how: str = Field(description="sent, hang-up, or fallback (recorded by the dialplan alone)")
    transcript: MessageTranscript
    urgency: list[str] = Field(description="urgent words found in the transcript")
    state: MessageState
    owner: str = Field(description="who has taken or answered it")


class HistoryEntry(BaseModel):
    """One change of a message."""

    at: dt.datetime
    by: str
    what: Action
    note: str


class Delivery(BaseModel):
    """One notification to the staff."""

    kind: str
    channel: str
    target: str
    state: Literal["waiting", "sent", "given-up"]
    attempts: int
    error: str


class WholeMessage(MessageSummary):
    """A message with its history and notifications, oldest first."""

    history: list[HistoryEntry]
    notified: list[Delivery]


class Page(BaseModel):
    """Messages, newest first; ``next`` is the ``after`` of the following page, null at the end."""

    messages: list[MessageSummary]
    next: str | None


class Change(BaseModel):
    """Who changes the message, with an optional note."""

    by: Name
    note: NoteText = ""


class NewNote(BaseModel):
    """A note and its author."""

    by: Name
    note: Annotated[NoteText, Field(min_length=1)]


@router.get("", summary="Messages, newest first")
def messages(
    context: ConsoleContext,
    state: MessageState | None = None,
    lang: Language | None = None,
    owner: Name | None = None,
    urgent: bool | None = None,
    since: Annotated[dt.datetime | None, Query(description="left at this time or later")] = None,
    until: Annotated[dt.datetime | None, Query(description="left before this time")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str, Query(description="`next` of the previous page")] = "",
) -> Page:
    """Return a page of matching messages; times without a zone are in the office's zone."""
    selected = MessageFilter(
        state or "", lang or "", owner or "", urgent, _timestamp(context, since), _timestamp(context, until)
    )
    found = inbox.page(context.store, selected, limit + 1, after)
    rows = found[:limit]
    following = rows[-1].id if len(found) > limit else None
    return Page(messages=[message_summary(row) for row in rows], next=following)


@router.get("/{id}", summary="One message with its history")
def message(context: ConsoleContext, id: str) -> WholeMessage:
    """Return one message."""
    row = inbox.one(context.store, id)
    history = [
        HistoryEntry(**{**asdict(entry), "at": to_datetime(entry.at)})
        for entry in inbox.history(context.store, id)
    ]
    notified = [Delivery(**asdict(delivery)) for delivery in outbox.deliveries_of(context.store, id)]
    return WholeMessage(**_facts(row), history=history, notified=notified)


@router.get(
    "/{id}/sound",
    summary="The recording; supports Range",
    response_class=FileResponse,
    responses={200: {"content": {"audio/wav": {}, "audio/flac": {}}}},
)
def sound(context: ConsoleContext, id: str) -> FileResponse:
    """Return the audio file as it was recorded."""
    path = _audio_file(context, inbox.one(context.store, id))
    return FileResponse(path, media_type=MEDIA.get(path.suffix, "application/octet-stream"))


@router.post("/{id}/notes", status_code=201, summary="Add a note")
def note(context: ConsoleContext, id: str, body: NewNote) -> WholeMessage:
    """Add a note with its author and the time."""
    inbox.add_note(context.store, id, body.by, body.note)
    return message(context, id)


@router.post("/{id}/take", summary="Take a new message: others see that you look after it")
def take(context: ConsoleContext, id: str, body: Change) -> WholeMessage:
    """Take a message; when two people take it at once, one of them gets it."""
    return _change(context, id, MessageAction.TAKE, body)


@router.post("/{id}/release", summary="Give back a message that was taken")
def release(context: ConsoleContext, id: str, body: Change) -> WholeMessage:
    """Release a message.  Anyone may, because the person who took it may have left."""
    return _change(context, id, MessageAction.RELEASE, body)


@router.post("/{id}/answer", summary="Mark a message as answered; only the person who took it may")
def answer(context: ConsoleContext, id: str, body: Change) -> WholeMessage:
    """Mark a message as answered."""
    return _change(context, id, MessageAction.ANSWER, body)


@router.post("/{id}/reopen", summary="Mark an answered message as new again")
def reopen(context: ConsoleContext, id: str, body: Change) -> WholeMessage:
    """Mark an answered message as new."""
    return _change(context, id, MessageAction.REOPEN, body)


def _change(context: Context, id: str, action: MessageAction, body: Change) -> WholeMessage:
    inbox.change(context.store, id, action, body.by, body.note)
    return message(context, id)


def message_summary(row: MessageRow) -> MessageSummary:
    """Convert a row of the store to the message that clients see."""
    return MessageSummary(**_facts(row))


def _facts(row: MessageRow) -> dict[str, Any]:
    """The fields of a MessageSummary."""
    found = TranscriptState(row.transcribed)
    transcript = MessageTranscript(
        text=row.transcript,
        confidence=row.confidence,
        ready=found is TranscriptState.READY,
        state=found.word,  # type: ignore[arg-type]  # a word of the Literal, which a test holds
    )
    return {
        **{name: getattr(row, name) for name in ("id", "lang", "seconds", "state", "owner")},
        "number": pseudonyms.shown(row.number),
        "call": row.call_id or "",
        "left_at": to_datetime(row.left_at),
        "how": row.why,
        "transcript": transcript,
        "urgency": row.urgency.split(", ") if row.urgency else [],
    }


def to_datetime(at: float) -> dt.datetime:
    """Convert seconds since 1970 to a time in UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC)


def _timestamp(context: Context, at: dt.datetime | None) -> float | None:
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=context.callflow.hours.zone)).timestamp()


def _audio_file(context: Context, row: MessageRow) -> Path:
    path: Path = context.settings.state_dir.stored(row.file)
    if not row.file or not path.is_file():
        raise Problem(404, f"the recording of message {row.id} is not kept")
    return path
