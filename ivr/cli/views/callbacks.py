"""Callbacks for the command line: list, show, take, finish."""

from __future__ import annotations

import datetime as dt
import json
import sys

from rich.console import Console
from rich.table import Table

from ivr.core.errors import UsageError
from ivr.core.pseudonyms import shown
from ivr.core.settings import Settings
from ivr.store import callbacks
from ivr.store.access import store
from ivr.store.callbacks import STATES, Row


def show_all(settings: Settings, state: str, *, as_json: bool) -> None:
    """List them, open ones first; raises UsageError for a state that there is not."""
    if state and state not in STATES:
        raise UsageError(f"--state {state}: write one of {', '.join(STATES)}")
    found = callbacks.every(store(settings), state)
    if as_json:
        _lines(found)
        return
    table = _table(
        "callback", "window", "number", "language", "about", "state", "owner", "attempts", "outcome"
    )
    for row in found:
        about, attempts = row["topic"], str(row["attempts"])
        facts = (
            shown(row["number"]),
            row["lang"],
            about,
            row["state"],
            row["owner"],
            attempts,
            row["outcome"],
        )
        table.add_row(row["id"], _window(row), *facts)
    Console().print(table if found else "No callbacks.")


def show(settings: Settings, callback: str, *, as_json: bool) -> None:
    """One with its attempts; raises NotStored."""
    engine = store(settings)
    row = callbacks.one(engine, callback)
    tried = callbacks.attempts_of(engine, row["id"])
    if as_json:
        _lines([{**row, "tried": tried}])
        return
    for name in ("id", "number", "lang", "topic", "state", "owner", "outcome"):
        sys.stdout.write(f"{name:9} {shown(row[name])}\n")
    sys.stdout.write(f"window    {_window(row)}\nasked     {_when(row['asked_at'])}\n")
    table = _table("attempt", "adviser", "result", "seconds")
    for one in tried:
        table.add_row(_when(one["at"]), one["adviser"], one["result"] or "under way", f"{one['seconds']:.0f}")
    Console().print(table if tried else "No attempt yet.")


def take(settings: Settings, callback: str, by: str) -> None:
    """Raises NotStored, Refused."""
    callbacks.take(store(settings), callback, by)


def release(settings: Settings, callback: str) -> None:
    """Raises NotStored, Refused."""
    callbacks.release(store(settings), callback)


def finish(settings: Settings, callback: str, by: str, outcome: str, *, done: bool) -> None:
    """Raises NotStored, Refused; UsageError without a word on how it ended."""
    if not outcome.strip():
        raise UsageError("--why: write in a few words how it ended")
    callbacks.finish(store(settings), callback, by, outcome.strip(), done=done)


def _lines(rows: list[Row] | list[dict[str, object]]) -> None:
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _window(row: Row) -> str:
    start, end = (dt.datetime.fromtimestamp(row[name]) for name in ("start", "end"))
    return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M}"


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
