"""Messages over HTTP: list, read, hear, take, release, answer, note.

The number of a caller stands in answers, never in an address: addresses are logged by everything on the way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field, StringConstraints

from ivr.console.api.problems import REFUSALS, Problem
from ivr.console.context import Context, Here
from ivr.content.callflow import Language
from ivr.core import pseudonyms
from ivr.store import inbox, outbox
from ivr.store.inbox import LONGEST_NAME, LONGEST_NOTE, MessageFilter
from ivr.store.rows import MessageRow

router = APIRouter(prefix="/messages", tags=["messages"], responses=REFUSALS)

MEDIA = {".wav": "audio/wav", ".flac": "audio/flac"}
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
NoteText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_NOTE)]
MessageState = Literal["new", "taken", "answered"]
What = Literal["take", "release", "answer", "reopen", "note"]


class MessageTranscript(BaseModel):
    """What a recogniser made of a message: no person has written or checked it."""

    automatic: Literal[True] = True
    text: str
    confidence: float = Field(description="the recogniser's own certainty, 0 to 1")
    ready: bool = Field(description="false: it is still to come, or was not possible")


class MessageSummary(BaseModel):
    """A message that a caller left."""

    id: str
    call: str = Field(description="the call it was left in, see /calls")
    left_at: dt.datetime
    number: str = Field(
        description="as the telephone network gave it; empty: withheld; its last digits when it is not kept any more"
    )
    lang: str
    seconds: float
    how: str = Field(description="sent, hang-up, or fallback (taken by the dialplan alone)")
    transcript: MessageTranscript
    urgency: list[str] = Field(description="urgent words found in the transcript")
    state: MessageState
    owner: str = Field(description="who has taken or answered it")


class HistoryEntry(BaseModel):
    """One thing done about a message."""

    at: dt.datetime
    by: str
    what: What
    note: str


class Delivery(BaseModel):
    """One notification of the staff."""

    kind: str
    channel: str
    target: str
    state: Literal["waiting", "sent", "given-up"]
    attempts: int
    error: str


class WholeMessage(MessageSummary):
    """A message with all that was done about it, oldest first."""

    history: list[HistoryEntry]
    notified: list[Delivery]


class Page(BaseModel):
    """Messages, the newest first; ``next`` is the ``after`` of the following page, null at the end."""

    messages: list[MessageSummary]
    next: str | None


class Deed(BaseModel):
    """Who does it; a note may say why, or what came of it."""

    by: Name
    note: NoteText = ""


class NewNote(BaseModel):
    """A note and who writes it."""

    by: Name
    note: Annotated[NoteText, Field(min_length=1)]


@router.get("", summary="Messages, the newest first")
def messages(
    here: Here,
    state: MessageState | None = None,
    lang: Language | None = None,
    owner: Name | None = None,
    urgent: bool | None = None,
    since: Annotated[dt.datetime | None, Query(description="left then or later")] = None,
    until: Annotated[dt.datetime | None, Query(description="left before then")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str, Query(description="`next` of the page before")] = "",
) -> Page:
    """A page of the messages that fit; times without a zone are the office's."""
    wanted = MessageFilter(
        state or "", lang or "", owner or "", urgent, _stamp(here, since), _stamp(here, until)
    )
    found = inbox.page(here.store, wanted, limit + 1, after)
    given = found[:limit]
    return Page(messages=[shown(row) for row in given],
                next=given[-1].id if len(found) > limit else None)  # fmt: skip


@router.get("/{id}", summary="One message with its history")
def message(here: Here, id: str) -> WholeMessage:
    """One message."""
    row = inbox.one(here.store, id)
    history = [
        HistoryEntry(**{**asdict(entry), "at": moment(entry.at)}) for entry in inbox.history(here.store, id)
    ]
    notified = [Delivery(**asdict(delivery)) for delivery in outbox.deliveries_of(here.store, id)]
    return WholeMessage(**_facts(row), history=history, notified=notified)


@router.get(
    "/{id}/sound",
    summary="Its sound; may be asked for in parts (Range)",
    response_class=FileResponse,
    responses={200: {"content": {"audio/wav": {}, "audio/flac": {}}}},
)
def sound(here: Here, id: str) -> FileResponse:
    """The sound as it was recorded."""
    path = _sound(here, inbox.one(here.store, id))
    return FileResponse(path, media_type=MEDIA.get(path.suffix, "application/octet-stream"))


@router.post("/{id}/notes", status_code=201, summary="Write a note")
def note(here: Here, id: str, body: NewNote) -> WholeMessage:
    """A note, with its author and the time."""
    inbox.add_note(here.store, id, body.by, body.note)
    return message(here, id)


def _change(what: str) -> Callable[..., WholeMessage]:
    def changed(here: Here, id: str, body: Deed) -> WholeMessage:
        inbox.change(here.store, id, what, body.by, body.note)
        return message(here, id)

    changed.__name__ = what
    return changed


SUMMARIES = {
    "take": "Take a new message: others see that you look after it",
    "release": "Give back a message that was taken",
    "answer": "The caller has his answer; for the one who has taken it",
    "reopen": "It was not the answer after all: new again",
}
for _what in inbox.CHANGES:
    router.post(f"/{{id}}/{_what}", summary=SUMMARIES[_what])(_change(_what))


def shown(row: MessageRow) -> MessageSummary:
    """A row as clients see it."""
    return MessageSummary(**_facts(row))


def _facts(row: MessageRow) -> dict[str, Any]:
    """A row as the fields of a Message."""
    ready = bool(row.transcribed)
    return {
        **{name: getattr(row, name) for name in ("id", "lang", "seconds", "state", "owner")},
        "number": pseudonyms.shown(row.number),
        "call": row.call_id or "",
        "left_at": moment(row.left_at),
        "how": row.why,
        "transcript": MessageTranscript(text=row.transcript, confidence=row.confidence, ready=ready),
        "urgency": row.urgency.split(", ") if row.urgency else [],
    }


def moment(at: float) -> dt.datetime:
    """Seconds since 1970 as an aware time, UTC."""
    return dt.datetime.fromtimestamp(at, dt.UTC)


def _stamp(here: Context, at: dt.datetime | None) -> float | None:
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=here.callflow.hours.zone)).timestamp()


def _sound(here: Context, row: MessageRow) -> Path:
    path: Path = here.settings.state_dir.stored(row.file)
    if not row.file or not path.is_file():
        raise Problem(404, f"the sound of message {row.id} is not kept any more")
    return path
