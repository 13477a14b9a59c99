"""What a drill came to: counted from the callers' own recordings and from the store.  Pure but for reading."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.core import events
from tests.drills.guest import Visit
from tests.drills.harm import Drill
from tests.drills.ledger import Ledger

NO_MESSAGE_S = 1.5
"""Who has said less after the beep has left none (``ivr.store.messages.SHORTEST_S``, and the ends of words)."""
BUFFER_S = 2.05
"""32 KB of a recording at 8 kHz: so much Asterisk keeps in memory before it writes (``main/file.c``)."""
CUT_S = 2.5
"""A message that much shorter than what was said is cut short."""


@dataclass(frozen=True)
class Harmed:
    """One harm, by ``time.monotonic``: begun, and when all was well again (None: never)."""

    begun: float
    well: float | None

    def touched(self, visit: Visit) -> bool:
        """Whether the caller was there then."""
        return visit.began < (self.well or float("inf")) and visit.ended > self.begun


@dataclass(frozen=True)
class Account:
    """One row.  ``lost``: ended at no answer, person or voicemail; seconds of silence; ``leaks`` in words."""

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
        """What must be nothing is nothing."""
        bad = self.messages_lost + self.lost + self.unreached + self.silences + self.not_recovered
        return not bad and not self.leaks


def account(
    name: str, drill: Drill, visits: Sequence[Visit], harms: Sequence[Harmed], ledger: Ledger,
    leaks: Sequence[str], memory_mb: tuple[int, int], others_cpu: float,
) -> Account:  # fmt: skip
    """The counts of one drill."""
    kept = {row["number"]: float(row["seconds"]) for row in ledger.messages()}
    said = {visit.number: _said_s(drill, harms, visit) for visit in visits}
    left = [visit for visit in visits if said[visit.number] >= NO_MESSAGE_S]
    refused = [visit for visit in left if _was_told(ledger, visit)]
    lost_messages = [visit for visit in left if visit.number not in kept and visit not in refused]
    cut = [
        visit
        for visit in left
        if visit.number in kept and visit not in refused and said[visit.number] - kept[visit.number] > CUT_S
    ]
    dropped = [visit for visit in visits if drill.lines_drop and _was_cut(visit, harms)]
    answered = [visit for visit in visits if visit.answered and visit not in dropped]
    served = {visit.number for visit in (*answered, *left, *dropped)}
    waits = [span.end - span.start for visit in visits if visit not in dropped for span in visit.waits]
    times = [] if drill.always else [harm.well - harm.begun for harm in harms if harm.well is not None]
    return Account(
        drill=name,
        calls=len(visits),
        harms=len(harms),
        harmed=sum(any(harm.touched(visit) for harm in harms) for visit in visits),
        answered=len(answered),
        right=sum(visit.right for visit in answered),
        messages_left=len(left),
        messages_lost=len(lost_messages),
        messages_cut=len(cut),
        messages_refused=len(refused),
        dropped=len(dropped),
        unreached=sum(not visit.connected for visit in visits),
        lost=sum(visit.connected and visit.number not in served for visit in visits),
        longest_silence=round(max(waits, default=0.0), 1),
        silences=sum(wait > drill.step_s for wait in waits),
        recovered_s=round(statistics.median(times), 1) if times else 0.0,
        slowest_s=round(max(times, default=0.0), 1),
        not_recovered=sum(harm.well is None for harm in harms),
        leaks=tuple(leaks),
        memory_mb=memory_mb,
        others_cpu=others_cpu,
    )


def _said_s(drill: Drill, harms: Sequence[Harmed], visit: Visit) -> float:
    """Seconds of his message that were said into a living line, and had left Asterisk's memory when it died."""
    died = [harm.begun - visit.message_at for harm in harms if drill.lines_drop]
    return min([visit.message_s, *(after - BUFFER_S for after in died if 0 <= after < visit.message_s)])


def _was_cut(visit: Visit, harms: Sequence[Harmed]) -> bool:
    """Whether the line died under him."""
    return any(visit.connected and visit.connected_at < harm.begun < visit.ended for harm in harms)


def _was_told(ledger: Ledger, visit: Visit) -> bool:
    """Whether the service said that it could not record his message."""
    return any(
        isinstance(item.event, events.Fault) and item.event.part == "voicemail"
        for item in ledger.story(visit.number)
    )


HEADER = (
    "drill", "calls", "harms", "harmed", "answered", "rightly", "messages left", "lost", "cut", "refused aloud",
    "lines dropped", "lost calls", "longest silence", "over the limit", "well again after", "leaks", "others' cores",
)  # fmt: skip


def table(rows: Sequence[Account], drills: dict[str, Drill]) -> str:
    """Markdown."""
    lines = [" | ".join(["", *HEADER, ""]).strip(), "| --- " + "| ---: " * (len(HEADER) - 1) + "|"]
    for row in rows:
        limit = drills[row.drill].step_s
        cells = (
            row.drill, row.calls, row.harms, row.harmed, row.answered, row.right, row.messages_left,
            row.messages_lost, row.messages_cut, row.messages_refused, row.dropped, row.lost + row.unreached,
            f"{row.longest_silence:g} s", f"{row.silences} ({limit:g} s)",
            f"{row.recovered_s:g} to {row.slowest_s:g} s" if row.harms and row.slowest_s else "",
            ", ".join(row.leaks) or 0, f"{row.others_cpu:g}",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def as_json(row: Account) -> dict[str, object]:
    """One line of the protocol."""
    return dataclasses.asdict(row) | {"passed": row.passed}
