"""Tables and times as the ``ivr`` command prints them."""

from __future__ import annotations

import datetime as dt

from rich.table import Table


def table(*columns: str) -> Table:
    """A table without lines, whose cells are wrapped and never cut."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def when(at: float) -> str:
    """A time in seconds since 1970 as the local date and time."""
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
