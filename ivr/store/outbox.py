"""The outbox: what the staff is to be told, kept until it was delivered or given up.

A delivery is claimed by moving its next attempt ahead by a lease: one of two senders gets it, and one whose
sender died is tried again when the lease is over.  So each is delivered at least once, under one id.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ivr.store.tables import deliveries, messages

Row = Mapping[str, Any]
LEASE_S = 180.0
"""Longer than any attempt takes (seconds)."""
Target = tuple[str, str]
"""Channel and address."""


def unannounced(engine: sa.Engine, transcript_by: float) -> list[Row]:
    """New messages that nobody was told of, with their transcript, or left before ``transcript_by`` (seconds since
    1970): a recogniser that is away must not keep a message from the staff."""
    ready = (messages.c.transcribed == 1) | (messages.c.left_at < transcript_by)
    return _rows(
        engine, sa.select(messages).where(messages.c.announced == 0, ready).order_by(messages.c.left_at)
    )


def unanswered(engine: sa.Engine, reminders: int) -> list[Row]:
    """Messages that were announced, are not answered, and may be reminded of once more."""
    chosen = sa.select(messages).where(
        messages.c.announced == 1, messages.c.state != "answered", messages.c.reminded < reminders
    )
    return _rows(engine, chosen.order_by(messages.c.left_at))


def announce(engine: sa.Engine, message: Row, targets: Iterable[Target]) -> bool:
    """Put the news of a message into the outbox; False when another process did."""
    mine = (messages.c.id == message["id"]) & (messages.c.announced == 0)
    return _enqueue(
        engine, messages.update().where(mine).values(announced=1), "message.new", message, targets
    )


def remind(engine: sa.Engine, message: Row, targets: Iterable[Target]) -> bool:
    """Put a reminder into the outbox; False when another process did, or it was answered meanwhile."""
    count = messages.c.reminded
    mine = (
        (messages.c.id == message["id"]) & (count == message["reminded"]) & (messages.c.state != "answered")
    )
    step = messages.update().where(mine).values(reminded=count + 1)
    return _enqueue(engine, step, "message.reminder", message, targets)


def due(engine: sa.Engine, channel: str, now: float, limit: int) -> list[Row]:
    """Deliveries whose time has come, oldest first."""
    waiting = (deliveries.c.state == "waiting", deliveries.c.channel == channel, deliveries.c.due <= now)
    return _rows(engine, sa.select(deliveries).where(*waiting).order_by(deliveries.c.due).limit(limit))


def claim(engine: sa.Engine, delivery: Row, now: float) -> bool:
    """Take one for an attempt; False when another process has it."""
    same = (deliveries.c.id == delivery["id"]) & (deliveries.c.due == delivery["due"])
    mine = same & (deliveries.c.state == "waiting")
    values = {"due": now + LEASE_S, "attempts": deliveries.c.attempts + 1}
    with engine.begin() as connection:
        return connection.execute(deliveries.update().where(mine).values(**values)).rowcount == 1


def sent(engine: sa.Engine, delivery_id: str) -> None:
    """It was delivered."""
    _set(engine, delivery_id, state="sent", error="")


def failed(engine: sa.Engine, delivery_id: str, error: str, again: float | None) -> None:
    """An attempt failed; the next one at ``again`` (seconds since 1970), None: it is given up."""
    values = {"state": "given-up"} if again is None else {"due": again}
    _set(engine, delivery_id, error=error[:255], **values)


def deliveries_of(engine: sa.Engine, message_id: str) -> list[Row]:
    """Whom the staff's notifications of a message went to, and how far they are."""
    chosen = sa.select(deliveries).where(deliveries.c.message_id == message_id)
    return _rows(engine, chosen.order_by(deliveries.c.created, deliveries.c.target))


def _enqueue(engine: sa.Engine, step: sa.Update, kind: str, message: Row, targets: Iterable[Target]) -> bool:
    now = time.time()
    rows = [
        {"id": str(uuid.uuid4()), "kind": kind, "message_id": message["id"], "channel": channel,
         "target": target, "created": now, "due": now}
        for channel, target in targets
    ]  # fmt: skip
    with engine.begin() as connection:
        if connection.execute(step).rowcount != 1:
            return False
        if rows:
            connection.execute(deliveries.insert(), rows)
        return True


def _set(engine: sa.Engine, delivery_id: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(deliveries.update().where(deliveries.c.id == delivery_id).values(**values))


def _rows(engine: sa.Engine, statement: sa.Select[Any]) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
