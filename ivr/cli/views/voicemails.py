"""Messages on the command line: list, hear, take, answer, note."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from ivr.core.errors import UsageError
from ivr.core.pseudonyms import shown
from ivr.core.settings import Settings
from ivr.store import inbox, queries
from ivr.store.access import store
from ivr.store.queries import Row


def show(settings: Settings, state: str, *, as_json: bool) -> None:
    """List the messages, oldest first; those in ``state``, or all."""
    if state and state not in inbox.STATES:
        raise UsageError(f"--state {state}: write one of {', '.join(inbox.STATES)}")
    found = [row for row in queries.all_messages(store(settings)) if state in ("", row["state"])]
    if as_json:
        for row in found:
            sys.stdout.write(json.dumps(dict(row), ensure_ascii=False) + "\n")
        return
    lines = [line for row in found for line in _lines(row)] or ["No messages."]
    sys.stdout.write("\n".join(lines) + "\n")


def play(settings: Settings, message: str, out: Path) -> None:
    """Write one message out as a WAV."""
    row = _found(store(settings), message)
    sound = settings.state_dir.stored(row["file"])
    if not sound.is_file():
        raise UsageError(f"the sound of message {row['id']} is not kept any more")
    shutil.copyfile(sound, out)
    sys.stderr.write(f"{out}\n")


def change(settings: Settings, message: str, what: str, by: str, note: str) -> None:
    """Take, release, answer or reopen a message; raises Refused."""
    _do(settings, message, lambda engine, id: inbox.change(engine, id, what, by, note))


def note(settings: Settings, message: str, by: str, text: str) -> None:
    """Note something about a message."""
    if not text.strip():
        raise UsageError("an empty note: write what there is to be known")
    _do(settings, message, lambda engine, id: inbox.add_note(engine, id, by, text.strip()))


def _do(settings: Settings, message: str, work: Callable[[Engine, str], None]) -> None:
    engine = store(settings)
    row = _found(engine, message)
    work(engine, row["id"])
    now = inbox.one(engine, row["id"])
    owner = f" by {now['owner']}" if now["owner"] else ""
    sys.stderr.write(f"message {now['id']}: {now['state']}{owner}\n")


def _found(engine: Engine, message: str) -> Row:
    row = queries.message(engine, message)
    if row is None:
        raise UsageError(f"no message {message}: see `ivr voicemails`")
    return row


def _lines(row: Row) -> list[str]:
    """Two lines: the facts; what a recogniser made of the words."""
    left = dt.datetime.fromtimestamp(row["left_at"]).strftime("%Y-%m-%d %H:%M")
    number = shown(row["number"]) or "withheld"
    state = f"{row['state']} ({row['owner']})" if row["owner"] else row["state"]
    facts = [row["id"], left, number, row["lang"] or "?", f"{row['seconds']:.0f} s", row["why"], state]
    urgent = [f"URGENT: {row['urgency']}"] if row["urgency"] else []
    words = row["transcript"] or ("(no words)" if row["transcribed"] else "(not yet)")
    return ["  ".join([*facts, *urgent]), f"    automatic transcript: {words}"]
