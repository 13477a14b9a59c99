"""What every command does: settings and logging first, then one function; JSON lines to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import typer
import uvloop

from ivr.core import logs
from ivr.core import settings as config
from ivr.core.settings import Settings

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def with_settings(work: Callable[[Settings], T]) -> T:
    """Call ``work`` with the settings; raises ConfigError when they are wrong."""
    settings = config.load()
    logs.set_up(settings)
    return work(settings)


def run_async(work: Callable[[Settings], Coroutine[Any, Any, T]]) -> T:
    """The same for a coroutine."""
    return with_settings(lambda settings: uvloop.run(work(settings)))


def exit_with(status: int) -> None:
    """End with ``status`` unless it is 0."""
    if status:
        raise typer.Exit(status)


def print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object per line, each at once."""
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()
