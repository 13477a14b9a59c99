"""The purge deletes what is past its retention, from the store and from the disk."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from ivr.core.files import is_regular
from ivr.core.paths import proposals
from ivr.core.settings import Settings
from ivr.core.state_dir import StateDir
from ivr.store import audio_capture, recordings, retention
from ivr.store.database import Store
from ivr.store.quarantine import set_aside_by_asterisk, shown
from ivr.store.tables import calls, messages

log = logging.getLogger(__name__)

DAY_S = 86_400.0
_QUEUED_NUMBER = re.compile(rb"\|ENTERQUEUE\|[^|\n]*\|([^|\n]*[^|\nx][^|\n]*)\|")


def purge(settings: Settings, store: Store, days: Mapping[str, float], now: float = 0.0) -> dict[str, int]:
    """Delete what is past its retention, and return how many of each kind.

    ``days``: the retention of each kind (the fields of ``ivr.content.callflow.Retention``); ``now``: seconds since
    1970, 0 for the clock.  A purge that is killed or run again does no harm: a file whose row is gone is found by its
    age.
    """
    before = {kind: (now or time.time()) - length * DAY_S for kind, length in days.items()}
    instance = settings.instance
    recorded = retention.recordings(store, before["recordings"], instance)
    voicemails = retention.left_messages(store, before["messages"], instance)
    for file in [*recorded, *voicemails]:
        _delete_sound(settings, file)
    found = {
        "recordings": len(recorded),
        "messages": len(voicemails),
        "transcripts": retention.words(store, before["transcripts"]),
        "calls": retention.whole_calls(store, before["calls"]),
        "numbers": retention.numbers(store, before["numbers"], settings.pseudonyms),
        "proposals": _proposals(proposals(settings), before["transcripts"]),
        "stray files": _strays(settings, store, before),
    }
    try:
        for path in (settings.pbx / "log").glob("queue_log*"):
            redact_queue_log(path)
    except OSError as error:  # the disk may belong to another machine
        log.warning("the numbers in Asterisk's queue log stay: %s", error)
    if any(found.values()):
        log.info("retention: %s", ", ".join(f"{count} {kind}" for kind, count in found.items() if count))
    return found


def _delete_sound(settings: Settings, file: str) -> None:
    try:
        recordings.delete(settings, file)
    except OSError as error:  # it is a stray now, and is tried again
        log.warning("retention: %s stays: %s", shown(file), error.strerror)


def _proposals(folder: Path, before: float) -> int:
    """Delete old proposals of callers' sentences as examples; those that were accepted are in ``nlu/``."""
    return sum(_delete_older(path, before) for path in folder.glob("*.yml"))


def redact_queue_log(path: Path) -> None:
    """Overwrite the numbers of queued callers in Asterisk's queue log, which nobody needs; no byte moves."""
    if not path.exists():
        return
    with path.open("r+b") as file:  # Asterisk appends to it meanwhile
        for match in _QUEUED_NUMBER.finditer(file.read()):
            file.seek(match.start(1))
            file.write(b"x" * len(match[1]))


def _strays(settings: Settings, store: Store, before: Mapping[str, float]) -> int:
    """Delete old audio that no row names, left by a crash or by a row deleted elsewhere; returns how many files."""
    with store.connect() as connection:
        known = set(connection.scalars(sa.select(calls.c.recording)))
        known |= set(connection.scalars(sa.select(messages.c.file)))
    known |= {str(audio_capture.capture_of(Path(file))) for file in known if file}
    state = settings.state_dir
    folders = {  # and the retention period of files in them that no row names
        state.recordings: "recordings",
        state.captures: "recordings",
        settings.pbx / "spool/monitor": "recordings",
        state.voicemail: "messages",
        state.pending_messages: "messages",
        settings.pbx / "spool/recording": "messages",
        settings.pbx / "spool/fallback": "messages",
        state.replays: "transcripts",
    }
    count = 0
    for folder, kind in folders.items():
        strays = [path for path in folder.glob("*") if is_regular(path) and _name(state, path) not in known]
        count += sum(_delete_older(path, before[kind]) for path in strays)
    for path in [*state.set_aside.glob("*/*"), *set_aside_by_asterisk(settings).glob("*/*")]:
        count += _delete_older(path, before["messages"])
    return count


def _name(state: StateDir, path: Path) -> str:
    """The name of a file in the store; its whole path outside the state folder."""
    return state.name_of(path) if path.is_relative_to(state.root) else str(path)


def _delete_older(path: Path, before: float) -> bool:
    """Delete a file or folder that was last changed earlier; returns whether it did so.  Never raises OSError."""
    try:
        if path.lstat().st_mtime >= before:
            return False
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("retention: %s stays: %s", shown(path), error.strerror)
        return False
    return True
