"""``ivr advisers``: lists the advisers of the running service, and sets their states."""

from __future__ import annotations

import sys
from dataclasses import asdict

from rich.console import Console

from ivr.asterisk import queues
from ivr.cli.common import print_lines
from ivr.cli.views.tables import table
from ivr.content import versions
from ivr.content.callflow import Callflow, load_callflow
from ivr.core.errors import UsageError
from ivr.core.pbx_names import language_of
from ivr.core.settings import Settings
from ivr.core.vocabulary import AdviserState


async def show(settings: Settings, *, as_json: bool) -> None:
    """List the advisers and the number of waiting callers; raises AmiError when no service runs."""
    names = {adviser.id: adviser.name for adviser in _callflow(settings).advisers}
    async with queues.connect(settings) as ami:
        members, waiting = await queues.queue_status(ami)
    if as_json:
        print_lines({"name": names.get(one.id, one.id), **asdict(one)} for one in members)
        return
    listed = table("adviser", "state", "languages", "calls")
    for one in members:
        languages = " ".join(language_of(queue) for queue in one.queues)
        listed.add_row(names.get(one.id, one.id), one.state, languages, str(one.calls))
    console = Console()
    console.print(listed if members else "No advisers in dialplans/callflow.yml.")
    console.print(f"{len(waiting)} waiting" + (f", the first for {waiting[0].seconds} s" if waiting else ""))


async def set_state(settings: Settings, name: str, state: AdviserState) -> None:
    """Set an adviser's state: available, paused or away.

    Raises UsageError for an unknown name, AmiError when no service runs.
    """
    advisers = _callflow(settings).advisers
    ids = [adviser.id for adviser in advisers if name in (adviser.name, adviser.id)]
    if not ids:
        known = ", ".join(adviser.name for adviser in advisers)
        raise UsageError(f"no adviser {name}: write one of {known}")
    async with queues.connect(settings) as ami:
        await queues.set_state(ami, ids[0], state)
    sys.stderr.write(f"{name} is {state}\n")


def _callflow(settings: Settings) -> Callflow:
    return load_callflow(versions.root(settings))
