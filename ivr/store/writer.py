"""Writes events into the tables: each event once, even when it is offered several times.

Telephone numbers become pseudonyms here.  Messages and callbacks alone keep the clear number while it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from ivr.core import events as kinds
from ivr.core.pseudonyms import Pseudonyms, canonical
from ivr.core.vocabulary import CallOutcome, Party
from ivr.store import callbacks, turns
from ivr.store.database import Store
from ivr.store.states import TranscriptState
from ivr.store.tables import calls, events, messages

COUNTED = (
    kinds.RecordingRefused, kinds.LanguageChosen, kinds.PersonWanted, kinds.Queued, kinds.PersonAnswered,
    kinds.PersonLeft, kinds.QueueLeft, kinds.CallbackWanted, kinds.MessageLeft, kinds.MessageTranscribed,
    kinds.CallFinished,
)  # fmt: skip
"""Events that are stored of a call whose caller refused recording: neither words of the talk nor the number.

Messages and callbacks are among them, because the caller asks for them."""
ABOUT_THE_CALLER = ("number", "text")
"""Fields that are blanked in the events of such a call."""

_THIS: sa.BindParameter[str] = sa.bindparam("this")
"""A call's id.  Statements are built once: building one takes longer than SQLite takes to run it."""
_NUMBERS = sa.select(events.c.seq).where(events.c.call_id == _THIS)
_STORY = sa.select(events.c.body).where(events.c.call_id == _THIS).order_by(events.c.seq)
_CALL = sa.select(calls.c.refused).where(calls.c.id == _THIS)
_EVENT = events.insert()


def write(store: Store, stamped: Iterable[kinds.Stamped], pseudonyms: Pseudonyms) -> int:
    """Store events of any calls in one transaction; returns how many were new.

    Raises sqlalchemy's IntegrityError or DataError when the database refuses one; then none is stored.
    """
    by_call: dict[str, list[kinds.Stamped]] = {}
    for item in stamped:
        by_call.setdefault(item.call_id, []).append(item)
    with store.begin() as connection:
        return sum(_write_call(connection, call_id, items, pseudonyms) for call_id, items in by_call.items())


def story(connection: sa.Connection, call_id: str) -> list[kinds.Stamped]:
    """A call's events in their order."""
    return [kinds.from_json(json.loads(body)) for body in connection.scalars(_STORY, {"this": call_id})]


def _write_call(
    connection: sa.Connection, call_id: str, items: Iterable[kinds.Stamped], pseudonyms: Pseudonyms
) -> int:
    stored = set(connection.scalars(_NUMBERS, {"this": call_id}))
    new = {item.seq: item for item in items if item.seq not in stored}
    if not new:
        return 0
    refused = _refused(connection, next(iter(new.values())))
    kept: list[tuple[kinds.Stamped, bool]] = []
    for item in new.values():
        if not refused or isinstance(item.event, COUNTED):
            kept.append((item, refused))
        refused = refused or isinstance(item.event, kinds.RecordingRefused)
    if kept:
        connection.execute(_EVENT, [_row(item, pseudonyms, refused=then) for item, then in kept])
    for item, then in kept:
        _follow(connection, item, pseudonyms, refused=then)
    turns.store(connection, call_id, story(connection, call_id))
    return len(new)


def _row(item: kinds.Stamped, pseudonyms: Pseudonyms, *, refused: bool) -> dict[str, Any]:
    body = json.dumps(_body(item, pseudonyms, refused=refused), ensure_ascii=False)
    return {"call_id": item.call_id, "seq": item.seq, "t": item.t, "kind": item.event.kind, "body": body}


def _follow(connection: sa.Connection, item: kinds.Stamped, pseudonyms: Pseudonyms, *, refused: bool) -> None:
    """Write what an event changes in other tables than that of events."""
    match item.event:
        case kinds.CallStarted(part=0) as begun:
            _update(
                connection, item, started=item.at, number=pseudonyms.of(begun.number), called=begun.called,
                generation=begun.generation, recogniser=begun.recogniser,
            )  # fmt: skip
        case kinds.LanguageChosen(lang=lang):
            _update(connection, item, lang=lang)
        case kinds.RecordingRefused():
            _blank(connection, item)
        case kinds.CallFinished() as ending:
            _finish(connection, item, ending)
            _credit_message(connection, item)
        case kinds.RecordingKept(file=file):
            _update(connection, item, recording=file)
        case kinds.MessageLeft() as message:
            _message(connection, item, message)
            if not refused:  # the dialplan alone had the call: no worker told the number
                unseen = (calls.c.id == item.call_id) & (calls.c.number == "")
                connection.execute(calls.update().where(unseen).values(number=pseudonyms.of(message.number)))
            _credit_message(connection, item)
        case kinds.CallbackWanted() as wanted:
            callbacks.add(connection, item.call_id, item.at, wanted)
        case kinds.MessageTranscribed() as heard:
            values = {"transcript": heard.text, "confidence": heard.confidence, "urgency": heard.urgency}
            state = TranscriptState.READY if heard.possible else TranscriptState.NOT_POSSIBLE
            ours = messages.c.id == heard.message
            connection.execute(messages.update().where(ours).values(transcribed=state, **values))


def _body(item: kinds.Stamped, pseudonyms: Pseudonyms, *, refused: bool) -> dict[str, Any]:
    """The event as JSON, with a pseudonym for the number; of a refused call, without number and words."""
    body = kinds.to_json(item)
    if refused:
        return body | {name: "" for name in ABOUT_THE_CALLER if name in body}
    return body | ({"number": pseudonyms.of(body["number"])} if "number" in body else {})


def _refused(connection: sa.Connection, item: kinds.Stamped) -> bool:
    """Make a row for the call if there is none; returns whether its caller refused recording."""
    found = connection.execute(_CALL, {"this": item.call_id}).first()
    if found is None:
        connection.execute(calls.insert().values(id=item.call_id, started=item.at))
    return bool(found and found.refused)


def _blank(connection: sa.Connection, item: kinds.Stamped) -> None:
    """Remove what is stored of the call so far, except the COUNTED events."""
    others = (events.c.call_id == item.call_id) & events.c.kind.not_in([kind.kind for kind in COUNTED])
    connection.execute(events.delete().where(others))
    _update(connection, item, refused=1, number="", recording="")


def _message(connection: sa.Connection, item: kinds.Stamped, left: kinds.MessageLeft) -> None:
    """Make a row for the message, unless it was collected before a crash and has one."""
    if connection.execute(sa.select(messages.c.id).where(messages.c.id == left.message)).first() is not None:
        return
    row = {"number": canonical(left.number), "lang": left.lang, "seconds": left.seconds, "file": left.file}
    values = {"id": left.message, "call_id": item.call_id, "left_at": item.at, "why": left.why, **row}
    connection.execute(messages.insert().values(**values))


def _finish(connection: sa.Connection, item: kinds.Stamped, ending: kinds.CallFinished) -> None:
    """Store how the call ended; an ending deduced by the collector ("dialplan") never replaces a worker's."""
    row = {"outcome": ending.outcome, "ended_by": ending.by, "seconds": ending.seconds}
    this = calls.c.id == item.call_id
    unless_known = calls.c.outcome == "" if ending.by == Party.DIALPLAN else sa.true()
    connection.execute(calls.update().where(this, unless_known).values(**row))


def _credit_message(connection: sa.Connection, item: kinds.Stamped) -> None:
    """Give a call with a message the outcome ``message``, also when the caller hung up while recording it."""
    left = sa.select(messages.c.id).where(messages.c.call_id == item.call_id)
    ours = (
        (calls.c.id == item.call_id)
        & calls.c.outcome.in_((CallOutcome.ABANDONED, CallOutcome.FALLBACK))
        & left.exists()
    )
    connection.execute(calls.update().where(ours).values(outcome=CallOutcome.MESSAGE))


def _update(connection: sa.Connection, item: kinds.Stamped, **values: object) -> None:
    connection.execute(calls.update().where(calls.c.id == item.call_id).values(**values))
