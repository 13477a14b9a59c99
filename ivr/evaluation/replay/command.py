"""`ivr replay` and `ivr golden`: select calls, replay them, show the results."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ivr.content.callflow import load_callflow
from ivr.core import clock, timespan
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.evaluation.replay import diff, golden, jobs, report
from ivr.evaluation.replay.jobs import ReplayJob, Result, Row
from ivr.evaluation.replay.ray_pool import RayPool
from ivr.nlu import serving
from ivr.store import queries
from ivr.store.database import Store
from ivr.store.journal import drained_store
from ivr.store.rows import CallRow

ENGINES = ("", "auto", "vosk", "whisper")


@dataclass(frozen=True)
class ReplaySelection:
    """The options of `ivr replay`; exactly one of ``calls``, ``since`` and ``suite`` is given.

    calls: call IDs; since: a span such as 7d, or a day; suite: name of a golden set.
    engine: auto, vosk or whisper, empty for the one of the settings.
    workers: processes or actors; ray: address of a cluster, ``local``, or empty for processes.
    anew: ignore cached results.
    fail_on_change: return 1 when anything changed.
    junit, html: files to write.
    """

    calls: Sequence[str] = ()
    since: str = ""
    suite: str = ""
    engine: str = ""
    workers: int = 1
    ray: str = ""
    anew: bool = False
    fail_on_change: bool = False
    as_json: bool = False
    junit: Path | None = None
    html: Path | None = None


def run(settings: Settings, wanted: ReplaySelection) -> int:
    """Replay the selected calls and print the result.

    Returns 1 when a call could not be replayed, a golden call broke, or anything changed with ``fail_on_change``.
    Raises UsageError when the options or the calls are wrong, SetupError when something is not installed.
    """
    if wanted.engine not in ENGINES:
        raise UsageError(f"--engine {wanted.engine}: write one of auto, vosk, whisper")
    if sum(map(bool, (wanted.calls, wanted.since, wanted.suite))) != 1:
        raise UsageError("name calls, or write --since 7d, or --suite NAME: one of the three")
    suite = golden.load_suite(settings, wanted.suite) if wanted.suite else None
    todo = suite.jobs() if suite else chosen(settings, wanted)
    began = time.perf_counter()
    results = _in_order(asyncio.run(_replayed(settings, wanted, todo)), todo)
    rows = [row for result in results for row in result.rows]
    failed = {result.call_id: result.error for result in results if result.error}
    if suite:
        checks = golden.check(suite, results)
        _write(
            wanted,
            report.junit(wanted.suite, checks),
            report.html(f"Golden calls: {wanted.suite}", rows, checks),
        )
        _show_checks(checks, wanted, time.perf_counter() - began)
        return 1 if any(check.broken for check in checks) else 0
    total = diff.summed(len(results), rows) | {
        "failed": failed,
        "kept": sum(result.kept for result in results),
        "seconds": round(time.perf_counter() - began, 2),
    }
    _write(wanted, report.junit_of_rows(rows, failed), report.html("Replay", rows))
    _show(rows, total, wanted)
    return 1 if failed or (wanted.fail_on_change and total["changed"]) else 0


async def _replayed(settings: Settings, wanted: ReplaySelection, todo: Sequence[ReplayJob]) -> list[Result]:
    """Return all results; a Rasa of our own ends with the replay."""
    async with serving.served(settings) as _:
        served = replace(settings, rasa_url=settings.rasa)
        return await asyncio.to_thread(lambda: list(replayed(served, wanted, todo)))


def replayed(settings: Settings, wanted: ReplaySelection, todo: Sequence[ReplayJob]) -> Iterator[Result]:
    """Yield results as calls are finished, and show the progress on a terminal.

    settings: name a running Rasa; wanted: the options; todo: the calls.
    """
    run = RayPool(wanted.ray) if wanted.ray else jobs.pool
    for done, result in enumerate(
        jobs.replay_all(settings, todo, wanted.engine, wanted.workers, run, anew=wanted.anew), 1
    ):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done}/{len(todo)} ")
        yield result


def chosen(settings: Settings, wanted: ReplaySelection) -> list[ReplayJob]:
    """Return the named calls, or all recorded calls of the span; raises UsageError when one cannot be replayed."""
    with drained_store(settings) as store:
        if wanted.calls:
            return [_named(store, settings, call_id) for call_id in wanted.calls]
        now = clock.wall(load_callflow(settings.root).hours.zone)
        rows = queries.calls_since(store, timespan.since(wanted.since, now).start.timestamp())
        return [job(store, settings, row) for row in rows if row.recording]


def _named(store: Store, settings: Settings, call_id: str) -> ReplayJob:
    row = queries.call(store, call_id)
    if row is None:
        raise UsageError(f"no call {call_id}: see `ivr calls`")
    if not row.recording:
        raise UsageError(f"call {call_id} has no recording: nothing to replay")
    return job(store, settings, row)


def job(store: Store, settings: Settings, row: CallRow) -> ReplayJob:
    """Return the call of ``row`` as a job; ``store`` holds its events."""
    return ReplayJob(
        row.id, tuple(queries.events_of(store, row.id)), settings.state_dir.stored(row.recording)
    )


def _in_order(results: Sequence[Result], todo: Sequence[ReplayJob]) -> list[Result]:
    place = {one.call_id: index for index, one in enumerate(todo)}
    return sorted(results, key=lambda result: place[result.call_id])


def _write(wanted: ReplaySelection, junit: str, html: str) -> None:
    for path, text in ((wanted.junit, junit), (wanted.html, html)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


def _show(rows: Sequence[Row], total: dict[str, Any], wanted: ReplaySelection) -> None:
    if wanted.as_json:
        for row in [*rows, total]:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    table = Table(
        "call", "turn", "heard then", "heard now", "decided then", "decided now", "because", box=None
    )
    for row in rows:
        if row["changed"]:
            table.add_row(row["call"], str(row["turn"]), *report.cells(row), report.because(row))
    console = Console()
    if table.rows:
        console.print(table)
    console.print(report.sentence(total))
    for call_id, error in total["failed"].items():
        sys.stderr.write(f"{call_id}: {error}\n")


def _show_checks(checks: Sequence[golden.Check], wanted: ReplaySelection, took_s: float) -> None:
    broken = [check for check in checks if check.broken]
    if wanted.as_json:
        for check in checks:
            sys.stdout.write(json.dumps(check.row(), ensure_ascii=False) + "\n")
        total = {"summary": True, "suite": wanted.suite, "turns": len(checks), "broken": len(broken)}
        sys.stdout.write(json.dumps(total | {"seconds": round(took_s, 2)}) + "\n")
        return
    for check in broken:
        sys.stdout.write(f"{check}\n")
    sys.stdout.write(f"{wanted.suite}: {len(checks)} turns, {len(broken)} broken\n")


def add_golden(settings: Settings, call_id: str, name: str, note: str) -> None:
    """Add a recorded call to a golden set.

    name: of the set; note: for its readers.
    Raises UsageError when the call has no recording or the name is not allowed.
    """
    with drained_store(settings) as store:
        kept = _named(store, settings, call_id)
    turns = golden.add(settings, name, kept, note)
    sys.stderr.write(
        f"{kept.call_id} is in {name}: {len(turns)} turns; edit {settings.state_dir.golden_set(name)}\n"
    )


def golden_rows(settings: Settings) -> list[Row]:
    """Return a row for each golden call, for `ivr golden list`; raises ConfigError."""
    suites = [golden.load_suite(settings, name) for name in golden.names(settings)]
    return [
        {"set": suite.name, "call": call_id, "turns": len(call.turns), "note": call.note}
        for suite in suites
        for call_id, call in suite.calls.items()
    ]
