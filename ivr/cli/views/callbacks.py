"""``ivr callbacks``: lists and shows callbacks, and changes them."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import asdict

from rich.console import Console

from ivr.cli.common import print_lines
from ivr.cli.views.tables import table, when
from ivr.core.errors import UsageError
from ivr.core.pseudonyms import shown
from ivr.core.settings import Settings
from ivr.store import callbacks
from ivr.store.journal import drained_store
from ivr.store.rows import CallbackRow
from ivr.store.states import CallbackState


def show_all(settings: Settings, state: str, *, as_json: bool) -> None:
    """List the callbacks in ``state``, or all, open ones first; raises UsageError for an unknown state."""
    if state and state not in list(CallbackState):
        raise UsageError(f"--state {state}: write one of {', '.join(list(CallbackState))}")
    with drained_store(settings) as store:
        found = callbacks.listed(store, state)
    if as_json:
        print_lines(asdict(row) for row in found)
        return
    lines = [line for row in found for line in _lines(row)] or ["No callbacks."]
    sys.stdout.write("\n".join(lines) + "\n")


def show(settings: Settings, callback: str, *, as_json: bool) -> None:
    """Show one callback with its attempts; raises NotStored."""
    with drained_store(settings) as store:
        row = callbacks.one(store, callback)
        attempts = callbacks.attempts_of(store, row.id)
    if as_json:
        print_lines([{**asdict(row), "tried": [asdict(one) for one in attempts]}])
        return
    for name in ("id", "number", "lang", "topic", "state", "owner", "outcome"):
        sys.stdout.write(f"{name:9} {shown(getattr(row, name))}\n")
    sys.stdout.write(f"window    {_window(row)}\nasked     {when(row.asked_at)}\n")
    tried = table("attempt", "adviser", "result", "seconds")
    for one in attempts:
        tried.add_row(when(one.at), one.adviser, one.result or "under way", f"{one.seconds:.0f}")
    Console().print(tried if attempts else "No attempt yet.")


def take(settings: Settings, callback: str, by: str) -> None:
    """Give the callback to the person ``by``; raises NotStored or Refused."""
    with drained_store(settings) as store:
        callbacks.take(store, callback, by)


def release(settings: Settings, callback: str) -> None:
    """Take the callback from its owner; raises NotStored or Refused."""
    with drained_store(settings) as store:
        callbacks.release(store, callback)


def finish(settings: Settings, callback: str, by: str, outcome: str, *, done: bool) -> None:
    """End the callback with an ``outcome`` in words; ``done``: the caller was called.

    Raises NotStored or Refused, and UsageError when the outcome is empty.
    """
    if not outcome.strip():
        raise UsageError("--why: write in a few words how it ended")
    with drained_store(settings) as store:
        callbacks.finish(store, callback, by, outcome.strip(), done=done)


def reopen(settings: Settings, callback: str) -> None:
    """Open an ended callback again; raises NotStored or Refused."""
    with drained_store(settings) as store:
        callbacks.reopen(store, callback)


def _lines(row: CallbackRow) -> list[str]:
    """Two lines: whom to call and when; what about, and how far it is."""
    about = [row.lang, row.topic, f"{row.state} ({row.owner})" if row.owner else row.state]
    tried = f"{row.attempts} attempts" if row.attempts else ""
    more = "  ".join(filter(None, [*about, tried, row.outcome]))
    return [f"{row.id}  {_window(row)}  {shown(row.number)}", f"    {more}"]


def _window(row: CallbackRow) -> str:
    start, end = (dt.datetime.fromtimestamp(at) for at in (row.start, row.end))
    return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M}"
