"""Requests of a person about the data of their telephone number: access and erasure (GDPR, articles 15 and 17).

They cover the store, recordings, messages, the journal, Asterisk's spool and the logs of this instance.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ivr.content.callflow import load_callflow
from ivr.core.errors import UsageError
from ivr.core.paths import proposals
from ivr.core.settings import Settings
from ivr.store import data_subject, recordings, retention
from ivr.store.data_subject import DataSubjectRecords, SubjectNumber
from ivr.store.journal import RETRY_S, ROTATE_S, drained_store
from ivr.store.messages import VoicemailSpool
from ivr.store.purge import purge as purge_now
from ivr.store.quarantine import set_aside_by_asterisk

SPOOLED_S = ROTATE_S + 2 * RETRY_S
"""Seconds that a running service may keep stored events in its journal."""


def number(settings: Settings, text: str) -> SubjectNumber:
    """The telephone number in ``text``, or on standard input when ``text`` is ``-``; raises UsageError."""
    text = (sys.stdin.readline() if text == "-" else text).strip()
    if len(re.sub(r"\D", "", text)) < 6 or not re.fullmatch(r"[+\d\s().\-/]+", text):
        raise UsageError(
            "write a telephone number such as +33612345678, or - and the number on standard input"
        )
    return SubjectNumber(text, load_callflow(settings.root).trunk.country, settings.pseudonyms)


def export(settings: Settings, text: str, out: Path) -> int:
    """Write all data of a number into a new folder: ``data.json`` and the recordings.

    text: see ``number``.
    out: the folder.

    Returns 0.  Raises UsageError when ``out`` exists.
    """
    asked = number(settings, text)
    if out.exists():
        raise UsageError(f"{out} is there already: name a folder that is not")
    with drained_store(settings) as store:
        found = data_subject.find(store, asked)
        told = data_subject.export(store, found)
    out.mkdir(parents=True, mode=0o700)
    (out / "data.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), "utf-8")
    copied = 0
    for file in found.files():
        for source in recordings.sounds(settings, file):
            target = out / settings.state_dir.name_of(source)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
            copied += 1
    _say({**_counts(found), "files": copied, "folder": str(out)})
    return 0


def erase(settings: Settings, text: str) -> int:
    """Delete all data of a number.

    text: see ``number``.

    Returns 1 when a call is held, or data could not be deleted; otherwise 0.  Raises UsageError while a call runs.
    """
    asked = number(settings, text)
    with drained_store(settings) as store:
        found = data_subject.find(store, asked)
        if found.running:
            raise UsageError(f"call {found.running[0]} goes on: erase when it is over")
        kept = set(found.held)
        mentions = data_subject.erase(store, found, asked)
    _delete_files(settings, found, kept)
    copies = _delete_golden(settings, asked, kept)
    messages = _delete_spooled(settings, asked)
    _delete_results(settings, asked)
    blotted = _blot_files(settings, asked)
    left = [] if kept else _left(settings, asked)
    report = {**_counts(found), "golden": copies, "spooled": messages, "mentions": mentions + blotted}
    _say({**report, "held": sorted(kept), "left": [str(path) for path in left]})
    return 1 if kept or left else 0


def purge(settings: Settings) -> int:
    """Delete now what is past its retention; returns 0."""
    days = load_callflow(settings.root).retention.model_dump()
    with drained_store(settings) as store:
        _say(purge_now(settings, store, days))
    return 0


def hold(settings: Settings, call_id: str, why: str) -> int:
    """Keep a call beyond its retention, for the reason ``why``; an empty one releases it.  Returns 0."""
    with drained_store(settings) as store:
        _say({"call": retention.hold(store, call_id, why), "held": why})
    return 0


def holds(settings: Settings) -> int:
    """Print the calls that are held; returns 0."""
    with drained_store(settings) as store:
        for row in retention.held(store):
            _say({"call": row.id, "held": row.held})
    return 0


def found_in(folder: Path, asked: SubjectNumber) -> Iterator[Path]:
    """Files below ``folder`` that contain the number."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                if asked.pattern.search(path.read_bytes()):
                    yield path
            except FileNotFoundError:  # deleted in the meantime
                continue


def _delete_files(settings: Settings, found: DataSubjectRecords, kept: set[str]) -> None:
    from ivr.evaluation.replay.erasure import forget  # slow to load

    for call in found.calls:
        if call.id not in kept:
            recordings.forget(settings, call.id)
            forget(settings, call.id)
            recordings.delete(settings, call.recording)
    for message in found.messages:
        if message.call_id not in kept:
            recordings.delete(settings, message.file)


def _delete_golden(settings: Settings, asked: SubjectNumber, kept: set[str]) -> int:
    """Delete golden copies of the number's calls that retention has deleted from the store; returns how many."""
    from ivr.evaluation.replay.erasure import forget  # slow to load

    names = [name.encode() for name in asked.names]
    copies = [path for path in (settings.state_dir.golden).glob("*.jsonl") if path.stem not in kept]
    ours = [path.stem for path in copies if any(name in path.read_bytes() for name in names)]
    for call_id in ours:
        forget(settings, call_id)
    return len(ours)


def _delete_results(settings: Settings, asked: SubjectNumber) -> None:
    """Delete cached results of replays in which another caller says the number; a replay makes them again."""
    for path in found_in(settings.state_dir.replays, asked):
        path.unlink(missing_ok=True)


def _delete_spooled(settings: Settings, asked: SubjectNumber) -> int:
    """Delete messages that were not collected yet, each note with its audio; returns how many."""
    pending = VoicemailSpool(settings)
    count = 0
    for note in pending.waiting():
        if note.exists() and asked.pattern.search(note.read_bytes()):
            pending.sound(note).unlink(missing_ok=True)
            note.unlink()
            count += 1
    for place in (settings.state_dir.set_aside, set_aside_by_asterisk(settings)):
        for note in list(found_in(place, asked)):
            for path in note.parent.glob(f"{glob.escape(note.stem)}.*"):  # the note and its sound
                path.unlink()
            count += 1
    return count


def _blot_files(settings: Settings, asked: SubjectNumber) -> int:
    """Overwrite the number in logs, in place; returns in how many files."""
    count = 0
    for folder in (settings.state_dir.logs, settings.pbx / "log"):
        for path in found_in(folder, asked):
            content = path.read_bytes()
            with open(path, "r+b") as file:  # a program may append to it meanwhile
                for match in asked.pattern.finditer(content):
                    file.seek(match.start())
                    file.write(b"x" * len(match[0]))
                file.flush()
                os.fsync(file.fileno())
            count += 1
    return count


def _left(settings: Settings, asked: SubjectNumber) -> list[Path]:
    """Files that still contain the number, after a running service had time to start a new journal file."""
    deadline = time.monotonic() + SPOOLED_S
    while True:
        folders = (settings.state, settings.pbx, proposals(settings))
        found = [path for folder in folders for path in found_in(folder, asked)]
        if not any(path.suffix == ".jsonl" for path in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def _counts(found: DataSubjectRecords) -> dict[str, Any]:
    return {"calls": len(found.calls), "messages": len(found.messages), "callbacks": len(found.callbacks)}


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
