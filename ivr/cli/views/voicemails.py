"""``ivr voicemails``: lists messages, writes out their sound, and changes them."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ivr.cli.common import print_lines
from ivr.core.errors import UsageError
from ivr.core.pseudonyms import shown
from ivr.core.settings import Settings
from ivr.store import inbox, outbox, queries
from ivr.store.database import Store
from ivr.store.journal import drained_store
from ivr.store.rows import MessageRow
from ivr.store.states import MessageAction, MessageState, TranscriptState


def show(settings: Settings, state: str, *, as_json: bool) -> None:
    """List the messages in ``state``, or all, oldest first; raises UsageError for an unknown state."""
    if state and state not in list(MessageState):
        raise UsageError(f"--state {state}: write one of {', '.join(list(MessageState))}")
    with drained_store(settings) as store:
        found = [row for row in queries.all_messages(store) if state in ("", row.state)]
        untold = len(outbox.untold(store, time.time()))
    if as_json:
        print_lines(asdict(row) for row in found)
        return
    lines = [line for row in found for line in _lines(row)] or ["No messages."]
    if untold:
        lines.append(
            f"Nobody was told of {untold} new messages: fill in notify in callflow.yml (docs/inbox.md)."
        )
    sys.stdout.write("\n".join(lines) + "\n")


def play(settings: Settings, message: str, out: Path) -> None:
    """Write the sound of one message to ``out``; raises UsageError when the message or its sound is gone."""
    with drained_store(settings) as store:
        row = _found(store, message)
    sound = settings.state_dir.stored(row.file)
    if not sound.is_file():
        raise UsageError(f"the sound of message {row.id} is not kept any more")
    shutil.copyfile(sound, out)
    sys.stderr.write(f"{out}\n")


def change(settings: Settings, message: str, what: MessageAction, by: str, note: str) -> None:
    """Take, release, answer or reopen a message; raises UsageError or Refused."""
    _do(settings, message, lambda store, id: inbox.change(store, id, what, by, note))


def note(settings: Settings, message: str, by: str, text: str) -> None:
    """Add a note to a message; raises UsageError when the note is empty or the message is not stored."""
    if not text.strip():
        raise UsageError("an empty note: write what your colleagues should know")
    _do(settings, message, lambda store, id: inbox.add_note(store, id, by, text.strip()))


def _do(settings: Settings, message: str, work: Callable[[Store, str], None]) -> None:
    """Do something to a message, and tell its state afterwards."""
    with drained_store(settings) as store:
        row = _found(store, message)
        work(store, row.id)
        row = inbox.one(store, row.id)
    owner = f" by {row.owner}" if row.owner else ""
    sys.stderr.write(f"message {row.id}: {row.state}{owner}\n")


def _found(store: Store, message: str) -> MessageRow:
    row = queries.message(store, message)
    if row is None:
        raise UsageError(f"no message {message}: see `ivr voicemails`")
    return row


def _lines(row: MessageRow) -> list[str]:
    """Two lines: the facts, and the automatic transcript."""
    left = dt.datetime.fromtimestamp(row.left_at).strftime("%Y-%m-%d %H:%M")
    number = shown(row.number) or "withheld"
    state = f"{row.state} ({row.owner})" if row.owner else row.state
    facts = [row.id, left, number, row.lang or "?", f"{row.seconds:.0f} s", row.why, state]
    urgent = [f"URGENT: {row.urgency}"] if row.urgency else []
    return ["  ".join([*facts, *urgent]), f"    automatic transcript: {_words(row)}"]


def _words(row: MessageRow) -> str:
    """The transcript, or why there is none."""
    if row.transcribed == TranscriptState.NOT_POSSIBLE:
        return f"{row.transcript} (not possible, please listen)".strip()
    return row.transcript or ("(no words)" if row.transcribed else "(not yet)")
