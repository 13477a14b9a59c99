"""The purge: what is past its retention is deleted from the store and from the disk."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from ivr.core.paths import proposals
from ivr.core.settings import Settings
from ivr.store import audio_capture, recordings, retention
from ivr.store.tables import calls, messages

log = logging.getLogger(__name__)

DAY_S = 86_400.0
_WAITED = re.compile(rb"\|ENTERQUEUE\|[^|\n]*\|([^|\n]*[^|\nx][^|\n]*)\|")


def purge(
    settings: Settings, engine: sa.Engine, days: Mapping[str, float], now: float = 0.0
) -> dict[str, int]:
    """Delete what is older than its ``days`` (kinds: ``ivr.content.callflow.Retention``); returns how many of each.

    ``now``: seconds since 1970, default the clock.  Doing it twice, or being killed in it, does no harm: a file
    whose row is gone is found by its age.
    """
    before = {kind: (now or time.time()) - length * DAY_S for kind, length in days.items()}
    instance = settings.instance
    recorded = retention.recordings(engine, before["recordings"], instance)
    messages_ = retention.left_messages(engine, before["messages"], instance)
    for file in [*recorded, *messages_]:
        recordings.delete(settings, file)
    found = {
        "recordings": len(recorded),
        "messages": len(messages_),
        "transcripts": retention.words(engine, before["transcripts"]),
        "calls": retention.whole_calls(engine, before["calls"]),
        "numbers": retention.numbers(engine, before["numbers"], settings.pseudonyms),
        "proposals": _proposals(proposals(settings), before["transcripts"]),
        "stray files": _strays(settings, engine, before),
    }
    try:
        for path in (settings.pbx / "log").glob("queue_log*"):
            veil_queue_log(path)
    except OSError as error:  # Asterisk's disk may be another's
        log.warning("the numbers in Asterisk's queue log stay: %s", error)
    if any(found.values()):
        log.info("retention: %s", ", ".join(f"{count} {kind}" for kind, count in found.items() if count))
    return found


def _proposals(folder: Path, before: float) -> int:
    """Sentences of callers that were proposed as examples: what an administrator took is in ``nlu/``."""
    old = [path for path in folder.glob("*.yml") if path.stat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def veil_queue_log(path: Path) -> None:
    """Overwrite the numbers of those who waited in a queue: nobody needs them there, and places stay as they are."""
    if not path.exists():
        return
    with path.open("r+b") as file:  # Asterisk goes on writing at its end
        for match in _WAITED.finditer(file.read()):
            file.seek(match.start(1))
            file.write(b"x" * len(match[1]))


def _strays(settings: Settings, engine: sa.Engine, before: Mapping[str, float]) -> int:
    """Sound past its time that no row names: a crash, or a row that was deleted elsewhere."""
    with engine.connect() as connection:
        known = set(connection.scalars(sa.select(calls.c.recording)))
        known |= set(connection.scalars(sa.select(messages.c.file)))
    known |= {str(audio_capture.ear_of(Path(file))) for file in known if file}
    count = 0
    state = settings.state_dir
    folders = {  # and the retention period of files in them that no row names
        state.recordings: "recordings",
        state.captures: "recordings",
        state.voicemail: "messages",
        state.replays: "transcripts",
    }
    for folder, kind in folders.items():
        for path in folder.glob("*"):
            stray = path.is_file() and state.name_of(path) not in known
            if stray and path.stat().st_mtime < before[kind]:
                path.unlink(missing_ok=True)
                count += 1
    return count
