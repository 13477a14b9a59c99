"""`ivr unanswered`: questions without an answer, grouped by meaning, the most frequent first."""

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
"""Maximum of turns, the newest ones: their distances take 130 MB of memory."""
LEAST_WEEKS = 0.5
"""Weeks before the last one without which there is no trend."""
RARE = 0.05
"""Probability by chance from which a difference is no trend."""
SHOWN = 3
"""Examples shown of a group."""


@dataclass(frozen=True)
class Group:
    """Questions of similar meaning.

    text: the most central one; count, calls: numbers of questions and of their calls.
    week: number in the last seven days; before: mean number per week before them, None if the span is too short.
    trend: see ``trend``; langs: number by language; near: the nearest intent; examples: some of the questions.
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
    """Return new, up, down or steady for the last week; empty when there is too little time before it.

    week, count: numbers in the last week and in all; weeks: length of the time before it.
    Up and down mean a difference that chance makes in at most one of twenty groups.  The test is two-sided binomial:
    without a change each turn falls into the last week with the same probability.
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
    """Print the groups of the span ``since``, and write them as a page.

    least: size from which a group is shown; html: file of the page, if given; as_json: print JSON lines.
    Raises UsageError when ``since`` is wrong.
    """
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
    """Return the groups, the largest first.

    asked: the questions, oldest first; start, end: the span in seconds since 1970.
    """
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
    """Return the fields for JSON."""
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
