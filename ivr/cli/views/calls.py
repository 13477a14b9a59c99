"""``ivr calls``: the calls in the store."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console

from ivr.cli.common import print_lines
from ivr.cli.views.tables import table, when
from ivr.core.errors import UsageError
from ivr.core.events import to_json
from ivr.core.pseudonyms import shown
from ivr.core.settings import Settings
from ivr.reporting.latency import waits
from ivr.reporting.timeline import timeline
from ivr.store import queries
from ivr.store.database import Store
from ivr.store.journal import drained_store
from ivr.store.rows import CallRow


def show_all(settings: Settings, limit: int, *, as_json: bool) -> None:
    """List the newest ``limit`` calls."""
    with drained_store(settings) as store:
        found = queries.recent_calls(store, limit)
    if as_json:
        print_lines(asdict(row) for row in found)
        return
    shown_calls = table("call", "when", "from", "language", "outcome", "by", "seconds")
    for row in found:
        shown_calls.add_row(
            row.id,
            when(row.started),
            shown(row.number),
            row.lang,
            row.outcome,
            row.ended_by,
            f"{row.seconds:.0f}",
        )
    Console().print(shown_calls if found else "No calls yet.")


def show(settings: Settings, call_id: str, *, as_json: bool) -> None:
    """Show one call as a timeline, or as its events; raises UsageError when there is no such call."""
    with drained_store(settings) as store:
        call = _found(store, call_id)
        story = queries.events_of(store, call.id)
    if as_json:
        print_lines(map(to_json, story))
        return
    Console().print(timeline(f"Call {call.id}, {when(call.started)}", story, waits(story)))


def _found(store: Store, call_id: str) -> CallRow:
    row = queries.call(store, call_id)
    if row is None:
        raise UsageError(f"no call {call_id}: see `ivr calls`")
    return row
