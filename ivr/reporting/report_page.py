"""The traffic report as one HTML page with charts: fills ``templates/report.html``.  Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from ivr.core.vocabulary import QueueExit
from ivr.reporting import charts
from ivr.reporting.call_facts import ANSWERED, CallFacts, ContactKind
from ivr.reporting.charts import BarChart, Series
from ivr.reporting.html import render
from ivr.reporting.kpis import SHORT_S, WITHIN_S, Kpis, rank
from ivr.reporting.report_text import percent, seconds

GOAL = 0.8
"""Service level drawn as a line: 80 %, the usual goal."""
WAITS_S = (5, 10, 20, 30, 60, 90, 120)
"""Upper edges of the histogram of waiting times, in seconds."""
ANSWERS_S = (0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)
"""Upper edges of the histogram of mouth-to-ear delays, in seconds."""
COLORED = (
    (ContactKind.CONTAINED, "answered by the service", charts.BLUE),
    (ContactKind.PERSON, "asked for a person", charts.ORANGE),
    (ContactKind.MESSAGE, "message or callback", charts.GREEN),
    (ContactKind.LEFT, "left without an answer", charts.GREY),
    (ContactKind.FAILED, "failed", charts.RED),
)
HEAD = (
    "", "calls", "contained", "asked for a person", "answered", f"within {WITHIN_S:.0f} s", "hung up", "wait p50",
    "wait p95", "mouth to ear p50", "p95",
)  # fmt: skip


def page(title: str, calls: Sequence[CallFacts], rows: Sequence[tuple[str, Kpis]]) -> str:
    """Return the page.

    title: says which calls were counted; calls: those calls.
    rows: (all, language or hour; figures), the figures of all calls first.
    """
    total = rows[0][1]
    hours = [row for by, row in rows if by == "hour"]
    return render(
        "report.html",
        title=title,
        figures=_headline(total),
        kinds=_kinds(hours),
        kind_rows=_kind_rows(total),
        levels=_levels(hours),
        waits=_waits(calls),
        request_rows=_request_rows(total),
        within_s=seconds(WITHIN_S),
        short_s=seconds(SHORT_S),
        staffed=percent(total.service_level_staffed),
        answers=_answers(total),
        head=HEAD,
        languages=[_row(row) for by, row in rows if by == "language"],
        hours=[_row(row) for row in hours],
    )


def _headline(total: Kpis) -> tuple[tuple[str, str, str], ...]:
    """(name, value, meaning) of the most important figures."""
    waits = total.waited_s
    return (
        ("Calls", str(total.calls), f"{total.messages} messages, {total.callbacks} callbacks"),
        ("Containment", percent(total.containment), "answered by the service alone"),
        ("Service level", percent(total.service_level), f"within {WITHIN_S:.0f} s, of {total.asked} who asked"),
        ("Answer rate", percent(total.answer_rate), f"{total.answered} of {total.asked}"),
        ("Abandonment", percent(total.abandonment), "hung up while waiting"),
        ("Waiting", seconds(rank(waits, 0.5)), f"median; 95 %: {seconds(rank(waits, 0.95))}"),
        ("Mouth to ear", seconds(rank(total.answers_s, 0.5), 2),
         f"median; 95 %: {seconds(rank(total.answers_s, 0.95), 2)}"),
    )  # fmt: skip


def _kinds(hours: Sequence[Kpis]) -> BarChart:
    series = [Series(words, colour, [row.kinds[kind] for row in hours]) for kind, words, colour in COLORED]
    used = [one for one in series if sum(one.values)]
    return charts.bars("Calls by the hour in which they began", [row.group for row in hours], used)


def _levels(hours: Sequence[Kpis]) -> BarChart:
    asked = [row for row in hours if row.asked]
    levels = [row.service_level or 0.0 for row in asked]
    title = f"Service level by hour; the line is {GOAL:.0%}"
    return charts.bars(
        title, [row.group for row in asked], [Series("service level", charts.BLUE, levels)],
        show="{:.0%}".format, top=1.0, mark=GOAL,
    )  # fmt: skip


def _waits(calls: Sequence[CallFacts]) -> BarChart:
    asked = [request for call in calls for request in call.requests]
    groups = [f"to {edge} s" for edge in WAITS_S] + [f"over {WAITS_S[-1]} s"]
    answered = [request.waited_s for request in asked if request.ended == ANSWERED]
    others = [request.waited_s for request in asked if request.ended != ANSWERED]
    series = [
        Series("answered", charts.BLUE, _histogram(answered, WAITS_S)),
        Series("not answered", charts.GREY, _histogram(others, WAITS_S)),
    ]
    return charts.bars("How long callers waited", groups, series)


def _answers(total: Kpis) -> BarChart:
    groups = [f"to {edge} s" for edge in ANSWERS_S] + [f"over {ANSWERS_S[-1]} s"]
    counts = _histogram(total.answers_s, ANSWERS_S)
    title = "Answers by the time from the caller's last sound to our first, from the recordings"
    return charts.bars(title, groups, [Series("answers", charts.BLUE, counts)])


def _histogram(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Count the values up to each edge and above the one before; the last count is of those above all edges."""
    counts = [0.0] * (len(edges) + 1)
    for value in values:
        counts[bisect_left(edges, value)] += 1
    return counts


def _kind_rows(total: Kpis) -> list[tuple[str, str, str]]:
    parts = [(words, total.kinds[kind]) for kind, words, _ in COLORED]
    return [
        (words, str(count), percent(count / total.calls if total.calls else None)) for words, count in parts
    ]


def _request_rows(total: Kpis) -> list[tuple[str, str, str]]:
    names = {
        ANSWERED: "answered",
        QueueExit.HANG_UP: "hung up while waiting",
        QueueExit.CALLBACK: "took a callback instead",
        QueueExit.MESSAGE: "took the message box instead",
        QueueExit.TIMEOUT: "waited to the limit",
        QueueExit.DECLINED: "nobody took the call",
        QueueExit.EMPTY: "nobody was there",
    }
    return [
        (words, str(total.ended[how]), percent(total.ended[how] / total.asked if total.asked else None))
        for how, words in names.items()
    ]


def _row(row: Kpis) -> tuple[str, ...]:
    return (
        row.group, str(row.calls), percent(row.containment), str(row.asked), percent(row.answer_rate),
        percent(row.service_level), percent(row.abandonment), seconds(rank(row.waited_s, 0.5)),
        seconds(rank(row.waited_s, 0.95)), seconds(rank(row.answers_s, 0.5), 2),
        seconds(rank(row.answers_s, 0.95), 2),
    )  # fmt: skip
