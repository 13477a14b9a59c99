"""Many calls at once, each told by its events."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator

import sqlalchemy as sa

from ivr import events as kinds
from ivr.store.tables import calls, events

Story = tuple[str, list[kinds.Stamped]]
"""A call's id and its events in their order."""
AT_ONCE = 2000


def stories(
    engine: sa.Engine, start: float, end: float, of: Collection[type[kinds.Event]] = ()
) -> Iterator[Story]:
    """Calls that began from ``start`` to before ``end`` (seconds since 1970), oldest first.

    ``of``: the kinds of events that matter, all of them without it.
    """
    chosen = (
        sa.select(events.c.call_id, events.c.body)
        .join(calls, calls.c.id == events.c.call_id)
        .where(calls.c.started >= start, calls.c.started < end)
        .order_by(calls.c.started, events.c.call_id, events.c.seq)
    )
    if of:
        chosen = chosen.where(events.c.kind.in_([cls.kind for cls in of]))
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=AT_ONCE).execute(chosen)
        for call_id, group in itertools.groupby(rows, key=lambda row: str(row[0])):
            yield call_id, [kinds.from_json(json.loads(row[1])) for row in group]
