"""`ivr advisers`: who is there, and setting an adviser's state."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from ivr.asterisk import queues
from ivr.content import versions
from ivr.content.callflow import Callflow, load_callflow
from ivr.core.errors import UsageError
from ivr.core.pbx_names import language_of
from ivr.core.settings import Settings
from ivr.core.vocabulary import AdviserState


async def show(settings: Settings, *, as_json: bool) -> None:
    """List them; raises AmiError when no service runs."""
    names = {adviser.id: adviser.name for adviser in _callflow(settings).advisers}
    async with queues.connect(settings) as ami:
        members, waiting = await queues.queue_status(ami)
    if as_json:
        for one in members:
            sys.stdout.write(json.dumps({"name": names.get(one.id, one.id), **asdict(one)}) + "\n")
        return
    table = Table("adviser", "state", "languages", "calls", box=None, pad_edge=False)
    for one in members:
        languages = " ".join(language_of(queue) for queue in one.queues)
        table.add_row(names.get(one.id, one.id), one.state, languages, str(one.calls))
    console = Console()
    console.print(table if members else "No advisers in dialplans/callflow.yml.")
    console.print(f"{len(waiting)} waiting" + (f", the first for {waiting[0].seconds} s" if waiting else ""))


async def set_state(settings: Settings, name: str, state: AdviserState) -> None:
    """Make an adviser available, paused or away; raises UsageError when there is none of that name."""
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
