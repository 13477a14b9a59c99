"""The outbox: notifications of the staff, kept until they are delivered or given up.

A sender claims a delivery by moving its next attempt ahead by a lease.  One of two senders gets it, and a delivery
whose sender died is tried again when the lease is over.  Each is thus delivered at least once, under one id.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

import sqlalchemy as sa

from ivr.store.database import Store
from ivr.store.rows import DeliveryRow, MessageRow
from ivr.store.states import DeliveryState, MessageState, TranscriptState
from ivr.store.tables import deliveries, messages

LEASE_S = 180.0
"""Longer than any attempt takes (seconds)."""
UNTOLD_S = 3600.0
"""Seconds in which somebody must be told of a message; a mail server may be away for some minutes."""
Target = tuple[str, str]
"""Channel and address."""


def unannounced(store: Store, transcript_by: float) -> list[MessageRow]:
    """Messages of which the staff was not told yet and that are ready to be told of, oldest first.

    A message is ready once it has a transcript, or can have none, or was left before ``transcript_by`` (seconds since
    1970): a recogniser that is away must not keep a message from the staff.
    """
    ready = (messages.c.transcribed != TranscriptState.WAITING) | (messages.c.left_at < transcript_by)
    chosen = sa.select(messages).where(messages.c.announced == 0, ready)
    return store.rows(MessageRow, chosen.order_by(messages.c.left_at))


def unanswered(store: Store, reminders: int) -> list[MessageRow]:
    """Messages that were announced, are not answered and had fewer than ``reminders`` reminders, oldest first."""
    chosen = sa.select(messages).where(
        messages.c.announced == 1, messages.c.state != MessageState.ANSWERED, messages.c.reminded < reminders
    )
    return store.rows(MessageRow, chosen.order_by(messages.c.left_at))


def untold(store: Store, now: float) -> list[MessageRow]:
    """New messages of which no notification was delivered within ``UNTOLD_S``, oldest first.

    now: seconds since 1970.
    """
    told = sa.select(deliveries.c.id).where(
        deliveries.c.message_id == messages.c.id, deliveries.c.state == DeliveryState.SENT
    )
    chosen = sa.select(messages).where(
        messages.c.state == MessageState.NEW, messages.c.left_at < now - UNTOLD_S, ~told.exists()
    )
    return store.rows(MessageRow, chosen.order_by(messages.c.left_at))


def announce(store: Store, message: MessageRow, targets: Iterable[Target]) -> bool:
    """Put the news of a message into the outbox, once for each target; False when another process did so."""
    pending = (messages.c.id == message.id) & (messages.c.announced == 0)
    step = messages.update().where(pending).values(announced=1)
    return _enqueue(store, step, "message.new", message, targets)


def remind(store: Store, message: MessageRow, targets: Iterable[Target]) -> bool:
    """Put a reminder of a message into the outbox, once for each target.

    False when another process did so, or when the message was answered meanwhile.
    """
    count = messages.c.reminded
    pending = (
        (messages.c.id == message.id)
        & (count == message.reminded)
        & (messages.c.state != MessageState.ANSWERED)
    )
    step = messages.update().where(pending).values(reminded=count + 1)
    return _enqueue(store, step, "message.reminder", message, targets)


def due(store: Store, channel: str, now: float, limit: int) -> list[DeliveryRow]:
    """At most ``limit`` deliveries of a channel whose time has come at ``now`` (seconds since 1970), oldest first."""
    waiting = (
        deliveries.c.state == DeliveryState.WAITING,
        deliveries.c.channel == channel,
        deliveries.c.due <= now,
    )
    return store.rows(
        DeliveryRow, sa.select(deliveries).where(*waiting).order_by(deliveries.c.due).limit(limit)
    )


def claim(store: Store, delivery: DeliveryRow, now: float) -> bool:
    """Take a delivery for an attempt at ``now`` (seconds since 1970); False when another process has it."""
    same = (deliveries.c.id == delivery.id) & (deliveries.c.due == delivery.due)
    free = same & (deliveries.c.state == DeliveryState.WAITING)
    values = {"due": now + LEASE_S, "attempts": deliveries.c.attempts + 1}
    with store.begin() as connection:
        return connection.execute(deliveries.update().where(free).values(**values)).rowcount == 1


def sent(store: Store, delivery_id: str) -> None:
    """Record that it was delivered."""
    _set(store, delivery_id, state=DeliveryState.SENT, error="")


def failed(store: Store, delivery_id: str, error: str, again: float | None) -> None:
    """Record a failed attempt and its ``error``.

    ``again``: the time of the next attempt (seconds since 1970); None gives the delivery up.
    """
    values = {"state": DeliveryState.GIVEN_UP} if again is None else {"due": again}
    _set(store, delivery_id, error=error[:255], **values)


def deliveries_of(store: Store, message_id: str) -> list[DeliveryRow]:
    """All notifications of the staff about a message, oldest first."""
    chosen = sa.select(deliveries).where(deliveries.c.message_id == message_id)
    return store.rows(DeliveryRow, chosen.order_by(deliveries.c.created, deliveries.c.target))


def _enqueue(
    store: Store, step: sa.Update, kind: str, message: MessageRow, targets: Iterable[Target]
) -> bool:
    """Insert the deliveries in the transaction of ``step``, if that changed a row."""
    now = time.time()
    rows = [
        {"id": str(uuid.uuid4()), "kind": kind, "message_id": message.id, "channel": channel,
         "target": target, "created": now, "due": now}
        for channel, target in targets
    ]  # fmt: skip
    with store.begin() as connection:
        if connection.execute(step).rowcount != 1:
            return False
        if rows:
            connection.execute(deliveries.insert(), rows)
        return True


def _set(store: Store, delivery_id: str, **values: object) -> None:
    with store.begin() as connection:
        connection.execute(deliveries.update().where(deliveries.c.id == delivery_id).values(**values))
