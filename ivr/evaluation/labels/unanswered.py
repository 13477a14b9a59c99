"""`ivr unanswered`: what callers ask that we cannot answer, by meaning; the next FAQ topic stands at the top."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ivr.content.callflow import load_callflow
from ivr.core import clock, timespan
from ivr.core.settings import Settings
from ivr.evaluation.labels.clustering import grouped
from ivr.evaluation.labels.embeddings import vectors
from ivr.evaluation.labels.unanswered_turns import Declined, declined
from ivr.reporting.html import render, write
from ivr.store import labels
from ivr.store.journal import drained_store

WEEK_S = 7 * 86_400.0
MOST = 4000
"""The newest so many turns are grouped: the distances of more would fill the memory (4000: 130 MB)."""
LEAST_WEEKS = 0.5
"""With less before the last week there is nothing to compare it with."""
RARE = 0.05
SHOWN = 3
"""Examples of a group."""


@dataclass(frozen=True)
class Group:
    """Questions of like meaning.  ``text``: the most central one.

    ``week``: in the last seven days; ``before``: a week, on average, before them; None where the span is no longer.
    """

    text: str
    count: int
    calls: int
    week: int
    before: float | None
    trend: str
    langs: dict[str, int]
    near: str
    examples: tuple[Declined, ...]


def trend(week: int, count: int, weeks: float) -> str:
    """How the last week compares with the ``weeks`` before it, in a word; empty where there are none.

    Up and down only where chance would make such a difference in one of twenty groups or fewer (two-sided binomial
    test: under no change each turn falls into the last week with the same probability).
    """
    if weeks < LEAST_WEEKS:
        return ""
    if week == count:
        return "new"
    share = 1 / (1 + weeks)
    chances = [math.comb(count, n) * share**n * (1 - share) ** (count - n) for n in range(count + 1)]
    if 2 * sum(chances[week:]) <= RARE:
        return "up"
    return "down" if 2 * sum(chances[: week + 1]) <= RARE else "steady"


def show(settings: Settings, since: str, least: int, html: Path | None, *, as_json: bool) -> None:
    """Group the turns since then; groups of fewer than ``least`` are counted but not shown."""
    span = timespan.since(since, clock.wall(load_callflow(settings.root).hours.zone))
    start, end = span.start.timestamp(), span.end.timestamp()
    with drained_store(settings) as store:
        asked = list(declined(labels.spoken_turns(store, start, end)))[-MOST:]
    found = groups(asked, start, end)
    shown = [group for group in found if group.count >= least]
    title = f"What callers asked and we did not answer, {span}"
    if html:
        write(html, page(title, shown, len(found) - len(shown), len(asked)))
    if as_json:
        lines = [json.dumps(row(group), ensure_ascii=False) for group in shown]
    else:
        lines = [title, *_text(shown, len(found) - len(shown), len(asked))]
    sys.stdout.writelines(f"{line}\n" for line in lines)


def groups(asked: Sequence[Declined], start: float, end: float) -> list[Group]:
    """The largest first; times in seconds since 1970."""
    if not asked:
        return []
    return [
        _group([asked[number] for number in members], start, end)
        for members in grouped(vectors([one.text for one in asked]))
    ]


def _group(members: Sequence[Declined], start: float, end: float) -> Group:
    turned = max(start, end - WEEK_S)
    week = sum(one.at >= turned for one in members)
    weeks = (turned - start) / WEEK_S
    near = Counter(one.near for one in members if one.near).most_common(1)
    return Group(
        text=members[0].text,
        count=len(members),
        calls=len({one.call_id for one in members}),
        week=week,
        before=round((len(members) - week) / weeks, 2) if weeks >= LEAST_WEEKS else None,
        trend=trend(week, len(members), weeks),
        langs=dict(Counter(one.lang for one in members).most_common()),
        near=near[0][0] if near else "",
        examples=tuple(members[:SHOWN]),
    )


def row(group: Group) -> dict[str, Any]:
    """For JSON."""
    return asdict(group)


def _text(shown: Sequence[Group], hidden: int, turns: int) -> Iterator[str]:
    yield f"{turns} turns; {hidden} groups too small to show"
    for group in shown:
        trend = f", {group.week} this week against {group.before:g} ({group.trend})" if group.trend else ""
        near = f", nearest to {group.near}" if group.near else ""
        yield ""
        yield f"{group.count:4}  {group.text}"
        yield f"      {group.calls} calls, {_langs(group)}{trend}{near}"
        for one in group.examples:
            yield f"      {one.call_id} at {one.start_s:.0f} s  {one.lang}  “{one.text}”  ({one.why})"


def _langs(group: Group) -> str:
    return ", ".join(f"{lang} {count}" for lang, count in group.langs.items())


def page(title: str, shown: Sequence[Group], hidden: int, turns: int) -> str:
    """Return the report as HTML.

    shown: the groups, largest first; hidden: number of groups that are too small to show; turns: number of all turns.
    """
    return render(
        "unanswered.html",
        title=title,
        turns=turns,
        hidden=hidden,
        groups=[
            (group.text, group.count, group.calls, group.week,
             "-" if group.before is None else f"{group.before:g}", group.trend, _langs(group), group.near)
            for group in shown
        ],
        examples=[
            (one.text, one.lang, one.why, one.call_id, f"{one.start_s:.0f} s", group.text)
            for group in shown
            for one in group.examples
        ],
    )  # fmt: skip
