"""``ivr unanswered``: questions of callers that were not answered."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import AsJson, Html, Since, with_settings


def unanswered(
    since: Since = "30d",
    least: Annotated[int, typer.Option("--min", help="Smallest group to show, in turns.")] = 2,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Group the questions that could not be answered by meaning."""
    from ivr.evaluation.labels import unanswered

    with_settings(lambda settings: unanswered.show(settings, since, least, html, as_json=as_json))
