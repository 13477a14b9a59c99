"""The result of a drill, counted from the callers' own recordings and from the store."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.core import events
from tests.drills.drill_caller import CallTrace
from tests.drills.event_log import EventLog
from tests.drills.fault_injection import Drill

NO_MESSAGE_S = 1.5
"""Seconds of speech below which a caller left no message (``ivr.store.messages.SHORTEST_S`` and word ends)."""
BUFFER_S = 2.05
"""Asterisk keeps 32 KB of a recording at 8 kHz in memory before it writes (``main/file.c``)."""
CUT_S = 2.5
"""A message is cut short when it is this much shorter than what was said."""


@dataclass(frozen=True)
class Injection:
    """One injected fault: when it began and when the service had recovered (None: never), by ``time.monotonic``."""

    began: float
    recovered: float | None

    def touched(self, trace: CallTrace) -> bool:
        """Whether the call went on during the fault."""
        return trace.began < (self.recovered or float("inf")) and trace.ended > self.began


@dataclass(frozen=True)
class Account:
    """One row of the report.

    ``lost`` calls ended without an answer, a person or the voicemail.  ``silences`` counts those over the limit.
    ``recovered_s`` and ``slowest_s`` are the median and longest recovery.  ``memory_mb`` is the worker's at the start
    and at the end.  ``others_cpu`` are the cores that other processes of the machine used.
    """

    drill: str
    calls: int
    harms: int
    harmed: int
    answered: int
    right: int
    messages_left: int
    messages_lost: int
    messages_cut: int
    messages_refused: int
    dropped: int
    unreached: int
    lost: int
    longest_silence: float
    silences: int
    recovered_s: float
    slowest_s: float
    not_recovered: int
    leaks: tuple[str, ...]
    memory_mb: tuple[int, int]
    others_cpu: float

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, too slow or leaked."""
        bad = self.messages_lost + self.lost + self.unreached + self.silences + self.not_recovered
        return not bad and not self.leaks


@dataclass(frozen=True)
class Messages:
    """The messages of a drill: all that were left, and those that were lost, cut short or refused."""

    left: list[CallTrace]
    lost: list[CallTrace]
    cut: list[CallTrace]
    refused: list[CallTrace]


def account(
    name: str,
    drill: Drill,
    *,
    traces: Sequence[CallTrace],
    injections: Sequence[Injection],
    event_log: EventLog,
    leaks: Sequence[str],
    memory_mb: tuple[int, int],
    others_cpu: float,
) -> Account:
    """Count the results of one drill; the arguments are those of the fields of ``Account``."""
    messages = _messages(drill, traces, injections, event_log)
    dropped = [trace for trace in traces if drill.lines_drop and _was_cut(trace, injections)]
    answered = [trace for trace in traces if trace.answered and trace not in dropped]
    served = {trace.number for trace in (*answered, *messages.left, *dropped)}
    waits = [span.end - span.start for trace in traces if trace not in dropped for span in trace.waits]
    times = [] if drill.always else _recovery_times(injections)
    return Account(
        drill=name,
        calls=len(traces),
        harms=len(injections),
        harmed=sum(any(injection.touched(trace) for injection in injections) for trace in traces),
        answered=len(answered),
        right=sum(trace.right for trace in answered),
        messages_left=len(messages.left),
        messages_lost=len(messages.lost),
        messages_cut=len(messages.cut),
        messages_refused=len(messages.refused),
        dropped=len(dropped),
        unreached=sum(not trace.connected for trace in traces),
        lost=sum(trace.connected and trace.number not in served for trace in traces),
        longest_silence=round(max(waits, default=0.0), 1),
        silences=sum(wait > drill.step_s for wait in waits),
        recovered_s=round(statistics.median(times), 1) if times else 0.0,
        slowest_s=round(max(times, default=0.0), 1),
        not_recovered=sum(injection.recovered is None for injection in injections),
        leaks=tuple(leaks),
        memory_mb=memory_mb,
        others_cpu=others_cpu,
    )


def _messages(
    drill: Drill, traces: Sequence[CallTrace], injections: Sequence[Injection], event_log: EventLog
) -> Messages:
    kept = {row.number: row.seconds for row in event_log.messages()}
    said = {trace.number: _said_s(drill, injections, trace) for trace in traces}
    left = [trace for trace in traces if said[trace.number] >= NO_MESSAGE_S]
    refused = [trace for trace in left if _was_told(event_log, trace)]
    accepted = [trace for trace in left if trace not in refused]
    stored = [trace for trace in accepted if trace.number in kept]
    return Messages(
        left=left,
        lost=[trace for trace in accepted if trace.number not in kept],
        cut=[trace for trace in stored if said[trace.number] - kept[trace.number] > CUT_S],
        refused=refused,
    )


def _recovery_times(injections: Sequence[Injection]) -> list[float]:
    return [each.recovered - each.began for each in injections if each.recovered is not None]


def _said_s(drill: Drill, injections: Sequence[Injection], trace: CallTrace) -> float:
    """Seconds of the message that were spoken into a live line and that Asterisk wrote before it died."""
    died = [injection.began - trace.message_at for injection in injections if drill.lines_drop]
    return min([trace.message_s, *(after - BUFFER_S for after in died if 0 <= after < trace.message_s)])


def _was_cut(trace: CallTrace, injections: Sequence[Injection]) -> bool:
    """Whether the line died during the call."""
    return any(
        trace.connected and trace.connected_at < injection.began < trace.ended for injection in injections
    )


def _was_told(event_log: EventLog, trace: CallTrace) -> bool:
    """Whether the service said that it could not record the message."""
    return any(
        isinstance(item.event, events.Fault) and item.event.part == "voicemail"
        for item in event_log.story(trace.number)
    )


HEADER = (
    "drill",
    "calls",
    "faults",
    "affected",
    "answered",
    "correct",
    "messages left",
    "lost",
    "cut",
    "refused",
    "lines dropped",
    "lost calls",
    "longest silence",
    "over the limit",
    "recovered after",
    "leaks",
    "other processes' cores",
)


def table(rows: Sequence[Account], drills: dict[str, Drill]) -> str:
    """The report as a Markdown table."""
    lines = [" | ".join(["", *HEADER, ""]).strip(), "| --- " + "| ---: " * (len(HEADER) - 1) + "|"]
    for row in rows:
        limit = drills[row.drill].step_s
        cells = (
            row.drill,
            row.calls,
            row.harms,
            row.harmed,
            row.answered,
            row.right,
            row.messages_left,
            row.messages_lost,
            row.messages_cut,
            row.messages_refused,
            row.dropped,
            row.lost + row.unreached,
            f"{row.longest_silence:g} s",
            f"{row.silences} ({limit:g} s)",
            f"{row.recovered_s:g} to {row.slowest_s:g} s" if row.harms and row.slowest_s else "",
            ", ".join(row.leaks) or 0,
            f"{row.others_cpu:g}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def as_json(row: Account) -> dict[str, object]:
    """The row as a JSON object."""
    return dataclasses.asdict(row) | {"passed": row.passed}
