"""Questions to the store for the adviser's screen."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from ivr.store.queries import Row
from ivr.store.tables import calls, events


def earlier(engine: sa.Engine, call: Row, since: float) -> list[Row]:
    """Calls of the same number before ``call``, from ``since`` (seconds since 1970) on, newest first."""
    if not call["number"]:
        return []
    same = (
        (calls.c.number == call["number"]) & (calls.c.started < call["started"]) & (calls.c.id != call["id"])
    )
    chosen = sa.select(calls).where(same, calls.c.started >= since).order_by(calls.c.started.desc()).limit(20)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(chosen).mappings()]


def happened(engine: sa.Engine, kinds: Collection[str], after: int) -> list[Row]:
    """Events of these kinds since ``after`` (nanoseconds since 1970), in their order."""
    chosen = sa.select(events).where(events.c.kind.in_(kinds), events.c.seq > after).order_by(events.c.seq)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(chosen).mappings()]
