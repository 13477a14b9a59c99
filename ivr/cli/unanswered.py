"""``ivr unanswered``: what callers ask that we cannot answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import Json, with_settings


def unanswered(
    since: Annotated[str, typer.Option(help="7d, 12h, 2w, or a day: 2026-11-01.")] = "30d",
    least: Annotated[int, typer.Option("--min", help="Turns from which a group is shown.")] = 2,
    html: Annotated[Path | None, typer.Option(help="Page to write.")] = None,
    as_json: Json = False,
) -> None:
    """What callers asked that could not be answered, questions of like meaning together."""
    from ivr.evaluation.labels import unanswered as grouping

    with_settings(lambda settings: grouping.show(settings, since, least, html, as_json=as_json))
