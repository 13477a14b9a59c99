"""``ivr report``: the figures of a span of time, as text, JSON, CSV or an HTML page."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.content.callflow import load_callflow
from ivr.core import clock, events, timespan
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.reporting import report_page, report_text
from ivr.reporting.call_facts import CallFacts, calls_of
from ivr.reporting.html import write
from ivr.reporting.kpis import Kpis, by_hour, by_language
from ivr.reporting.synthetic_day import PROFILE, SyntheticDay, simulate
from ivr.store.journal import drained_store
from ivr.store.queries import CallEvents, call_events

COUNTED = (
    events.CallStarted, events.LanguageChosen, events.PersonWanted, events.PersonAnswered, events.PersonLeft,
    events.QueueLeft, events.Said, events.CallbackWanted, events.MessageLeft, events.CallFinished, events.MouthToEar,
)  # fmt: skip
A_DAY, OPENS = dt.date(2026, 11, 23), dt.time(9)
"""When a synthetic day begins."""


@dataclass(frozen=True)
class TrafficReport:
    """The figures of some calls; ``title`` describes the calls, ``zone`` is the office's time zone."""

    title: str
    calls: Sequence[CallFacts]
    zone: ZoneInfo

    def figures(self) -> Iterator[tuple[str, Kpis]]:
        """The figures of ``all`` calls, then of each ``language``, then of each ``hour``, each with that word."""
        yield "all", Kpis.of(self.calls)
        for row in by_language(self.calls):
            yield "language", row
        for row in by_hour(self.calls, self.zone):
            yield "hour", row


def report(
    settings: Settings, since: str, events_file: Path | None, *, csv_file: Path | None, html: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Count calls, write the report to the files that are named, and print it.

    ``since``: a span as ``ivr.core.timespan.since`` reads it; ``events_file``: count its events instead of the
    store's. Raises UsageError when the span or the file cannot be read.
    """
    found = _of_file(settings, events_file) if events_file else _of_store(settings, since)
    rows = list(found.figures())
    if csv_file:
        _write_csv(csv_file, rows)
    if html:
        write(html, report_page.page(found.title, found.calls, rows))
    if as_json:
        lines = [json.dumps({"by": by, **row.row()}, ensure_ascii=False) for by, row in rows]
    else:
        lines = [
            *report_text.report(found.title, rows),
            *(f"written: {path}" for path in (csv_file, html) if path),
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def simulated(settings: Settings, out: Path, seed: int, *, calls: int, advisers: int, hours: int) -> None:
    """Write the events of a synthetic day to ``out``.

    ``calls``: expected number; ``advisers``: on duty; ``hours``: length of the day.  Raises UsageError for a number
    out of range.
    """
    if calls < 1 or advisers < 1 or not 1 <= hours <= len(PROFILE):
        raise UsageError(f"--calls and --advisers from 1 up, --hours from 1 to {len(PROFILE)}")
    opens = dt.datetime.combine(A_DAY, OPENS, _zone(settings)).timestamp()
    made = simulate(SyntheticDay(opens, float(calls), advisers, PROFILE[:hours]), seed)
    lines = [json.dumps(events.to_json(item), ensure_ascii=False) for item in made]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stderr.write(f"{out}: {len({item.call_id for item in made})} calls\n")


def read_events(lines: Iterable[str], name: str) -> list[CallEvents]:
    """The calls in ``lines``, one JSON event each; raises UsageError with ``name`` and the line that is no event."""
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(events.from_json(json.loads(line)))
        except ValueError as error:
            raise UsageError(f"{name}, line {number}: {error}") from None
    found.sort(key=lambda item: (item.call_id, item.seq))
    return [(call_id, list(group)) for call_id, group in groupby(found, key=lambda item: item.call_id)]


def _of_store(settings: Settings, since: str) -> TrafficReport:
    zone = _zone(settings)
    span = timespan.since(since, clock.wall(zone))
    with drained_store(settings) as store:
        found = calls_of(call_events(store, span.start.timestamp(), span.end.timestamp(), COUNTED))
    return TrafficReport(f"Calls of {span}", found, zone)


def _of_file(settings: Settings, path: Path) -> TrafficReport:
    try:
        with path.open(encoding="utf-8") as file:
            found = calls_of(read_events(file, str(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    return TrafficReport(f"Calls of {path.name}", found, _zone(settings))


def _zone(settings: Settings) -> ZoneInfo:
    return load_callflow(settings.root).hours.zone


def _write_csv(path: Path, rows: Sequence[tuple[str, Kpis]]) -> None:
    lines = [{"by": by, **row.row()} for by, row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
