"""The report as lines of text.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ivr.core.vocabulary import QueueExit
from ivr.reporting.call_facts import ContactKind
from ivr.reporting.kpis import SHORT_S, WITHIN_S, Kpis, rank

NONE = "-"
COLUMNS = (
    f"{'':9} {'calls':>6} {'contained':>10} {'asked':>6} {'answered':>9} {f'in {WITHIN_S:.0f} s':>8}"
    f" {'hung up':>8} {'wait p50':>9} {'p95':>6} {'answer p50':>11} {'p95':>6}"
)


def report(title: str, rows: Sequence[tuple[str, Kpis]]) -> Iterator[str]:
    """Yield the lines of the report.

    title: says which calls were counted; rows: (all, language or hour; figures), the figures of all calls first.
    """
    total = rows[0][1]
    yield title
    yield ""
    yield from _calls(total)
    yield ""
    yield from _persons(total)
    yield ""
    yield from _answers(total)
    for by, heading in (("language", "by language"), ("hour", "by hour of the day")):
        yield ""
        yield heading
        yield COLUMNS
        yield from (_row(row) for kind, row in rows if kind == by)


def _calls(total: Kpis) -> Iterator[str]:
    yield f"calls                                   {total.calls:6}"
    for kind, words in (
        (ContactKind.CONTAINED, "answered by the service alone"),
        (ContactKind.PERSON, "asked for a person"),
        (ContactKind.MESSAGE, "left a message or asked for a callback"),
        (ContactKind.LEFT, "left without an answer"),
        (ContactKind.FAILED, "failed, served by the dialplan"),
    ):
        part = total.kinds[kind] / total.calls if total.calls else None
        yield f"  {words:38}{total.kinds[kind]:6} {percent(part):>8}"
    yield f"messages                                {total.messages:6}"
    yield f"callbacks asked for                     {total.callbacks:6}"


def _persons(total: Kpis) -> Iterator[str]:
    yield f"asked for a person                      {total.asked:6}"
    for count, words in (
        (total.answered, "answered"),
        (total.ended[QueueExit.HANG_UP], f"hung up while waiting ({total.short} within {SHORT_S:.0f} s)"),
        (total.ended[QueueExit.CALLBACK], "took a callback instead"),
        (total.ended[QueueExit.MESSAGE], "took the message box instead"),
        (total.ended[QueueExit.TIMEOUT], "waited to the limit"),
        (total.ended[QueueExit.DECLINED], "nobody took the call"),
        (total.ended[QueueExit.EMPTY], "nobody was on duty"),
    ):
        yield f"  {words:38}{count:6} {percent(count / total.asked if total.asked else None):>8}"
    level, staffed = percent(total.service_level), percent(total.service_level_staffed)
    yield f"{f'service level: answered within {WITHIN_S:.0f} s':40}{total.in_time:6} {level:>8}"
    yield f"{f'  without hung up in {SHORT_S:.0f} s, nobody on duty':40}{'':6} {staffed:>8}"
    waits, gave_up = total.waited_s, total.gave_up_s
    yield f"waiting until answered   p50 {seconds(rank(waits, 0.5))}   p95 {seconds(rank(waits, 0.95))}"
    yield f"waiting until hung up    p50 {seconds(rank(gave_up, 0.5))}   p95 {seconds(rank(gave_up, 0.95))}"


def _answers(total: Kpis) -> Iterator[str]:
    spread = f"p50 {seconds(rank(total.answers_s, 0.5), 2)}   p95 {seconds(rank(total.answers_s, 0.95), 2)}"
    yield f"mouth to ear, {len(total.answers_s)} answers   {spread}"


def _row(row: Kpis) -> str:
    return (
        f"{row.group:9} {row.calls:6} {percent(row.containment):>10} {row.asked:6} {percent(row.answer_rate):>9}"
        f" {percent(row.service_level):>8} {percent(row.abandonment):>8} {seconds(rank(row.waited_s, 0.5)):>9}"
        f" {seconds(rank(row.waited_s, 0.95)):>6} {seconds(rank(row.answers_s, 0.5), 2):>11}"
        f" {seconds(rank(row.answers_s, 0.95), 2):>6}"
    )


def percent(value: float | None) -> str:
    """Return a share (0 to 1) as a percentage, or ``NONE``."""
    return NONE if value is None else f"{value:.1%}"


def seconds(value: float | None, digits: int = 0) -> str:
    """Return a time in seconds with its unit and ``digits`` decimals, or ``NONE``."""
    return NONE if value is None else f"{value:.{digits}f} s"
