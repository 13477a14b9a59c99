"""What all commands share: options, settings and logging, and how results are printed."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from typer.core import TyperGroup

from ivr.core import logs
from ivr.core import settings as config
from ivr.core.errors import ConfigError
from ivr.core.settings import Settings

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
By = Annotated[
    str, typer.Option(help="Who does it.", default_factory=getpass.getuser, show_default="the current user")
]
Html = Annotated[Path | None, typer.Option(help="HTML page to write.")]
Languages = Annotated[list[str] | None, typer.Option("--lang", help="Language; may be repeated.")]
Note = Annotated[str, typer.Option(help="A remark for colleagues.")]
Since = Annotated[str, typer.Option(help="A span such as 90m, 12h, 7d or 2w, or a day such as 2026-11-01.")]
CallId = Annotated[str, typer.Argument(help="A call's id, or a unique beginning of it.")]


class ListByDefault(TyperGroup):
    """A group of commands that runs its command ``list`` when none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``list`` before the arguments unless they begin with a command or ``--help``."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def with_settings(work: Callable[[Settings], T]) -> T:
    """Call ``work`` with the settings, and return its result; raises ConfigError when the settings are wrong."""
    settings = config.load()
    _use_office_zone(settings)
    logs.set_up(settings)
    return work(settings)


def _use_office_zone(settings: Settings) -> None:
    """Let this command and what it starts print times in the office's zone, whatever zone the machine has."""
    from ivr.content.callflow import load_callflow
    from ivr.content.callflow.hours import Hours

    try:
        os.environ["TZ"] = load_callflow(settings.root).hours.timezone
    except ConfigError:  # the command itself names what is wrong
        os.environ["TZ"] = Hours.model_fields["timezone"].default
    time.tzset()


def run_async(work: Callable[[Settings], Coroutine[Any, Any, T]]) -> T:
    """Like ``with_settings``, for a coroutine function."""
    return with_settings(lambda settings: uvloop.run(work(settings)))


def exit_with(status: int) -> None:
    """End the command with the exit ``status`` unless it is 0."""
    if status:
        raise typer.Exit(status)


def print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON object per line, each as soon as it comes."""
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()
