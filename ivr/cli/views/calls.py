"""What the store holds, for the command line: calls."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from ivr.core.audio import write_wav
from ivr.core.errors import UsageError
from ivr.core.events import to_json
from ivr.core.pseudonyms import shown
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.reporting.latency import waits
from ivr.reporting.timeline import timeline
from ivr.store import queries
from ivr.store.access import store
from ivr.store.queries import Row


def calls(settings: Settings, call_id: str, limit: int, *, as_json: bool) -> None:
    """List the newest calls, or show one."""
    engine = store(settings)
    if call_id:
        _one_call(engine, call_id, as_json=as_json)
        return
    found = queries.recent_calls(engine, limit)
    if as_json:
        _lines(found)
        return
    table = _table("call", "when", "from", "language", "outcome", "by", "seconds")
    for row in found:
        by, seconds = row["ended_by"], f"{row['seconds']:.0f}"
        table.add_row(
            row["id"], _when(row["started"]), shown(row["number"]), row["lang"], row["outcome"], by, seconds
        )
    Console().print(table if found else "No calls yet.")


def say(settings: Settings, text: str, lang: str, out: Path, *, slow: bool) -> None:
    """Speak a sentence into a WAV."""
    if lang not in LANGUAGES:
        raise UsageError(f"--lang {lang}: write one of {', '.join(LANGUAGES)}")
    from ivr.speech.prompts import open_prompts  # takes seconds to load, and only this one speaks

    prompts = open_prompts(settings, [lang])
    write_wav(out, prompts.render(text, lang, slow))
    sys.stderr.write(f"{out} ({prompts.voice(lang).name})\n")


def _one_call(engine: Engine, call_id: str, *, as_json: bool) -> None:
    row = queries.call(engine, call_id)
    if row is None:
        raise UsageError(f"no call {call_id}: see `ivr calls`")
    story = queries.events_of(engine, row["id"])
    if as_json:
        _lines([to_json(item) for item in story])
        return
    Console().print(timeline(f"Call {row['id']}, {_when(row['started'])}", story, waits(story)))


def _lines(rows: list[Row] | list[dict[str, Any]]) -> None:
    for row in rows:
        sys.stdout.write(json.dumps(dict(row), ensure_ascii=False) + "\n")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
