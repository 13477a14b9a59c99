"""Scores of recognition and understanding over labelled turns, with confidence intervals.  Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.text import normalise
from ivr.evaluation.labels.confidence_intervals import IntervalEstimate, ratio, wilson
from ivr.evaluation.labels.labelled_turns import LabelledTurn
from ivr.evaluation.scores import word_errors


@dataclass(frozen=True)
class Score:
    """The scores of the undisputed turns of a group; an estimate is None if there is nothing to count.

    by, group: kind of group and its name; turns, disputed: numbers of turns.
    word_errors: words inserted, deleted or replaced, divided by words said.
    understood: the best intent is the one meant; served: the service acted right; wrong: a wrong answer at once.
    """

    by: str
    group: str
    turns: int
    disputed: int
    word_errors: IntervalEstimate | None
    understood: IntervalEstimate | None
    served: IntervalEstimate | None
    wrong: IntervalEstimate | None

    @classmethod
    def of(cls, turns: Sequence[LabelledTurn], by: str = "all", group: str = "all") -> Score:
        """Return the scores of ``turns``, as the group ``group`` of the kind ``by``."""
        known = [turn for turn in turns if turn.truth is not None]
        errors = [turn_errors(turn) for turn in known]
        judged = [turn for turn in known if turn.truth is not None and turn.truth.meant]
        spoken = [turn for turn in judged if turn.intent]  # understanding was not asked about emergency words
        return cls(
            by,
            group,
            len(known),
            sum(turn.disputed for turn in turns),
            ratio([one for one, _ in errors], [all_ for _, all_ in errors], [turn.call_id for turn in known]),
            wilson(sum(turn.understood for turn in spoken), len(spoken)),
            wilson(sum(turn.served for turn in judged), len(judged)),
            wilson(sum(turn.wrongly_answered for turn in judged), len(judged)),
        )

    def row(self) -> dict[str, object]:
        """Return the fields for JSON."""
        estimates = {name: getattr(self, name) for name in ("word_errors", "understood", "served", "wrong")}
        return {
            "by": self.by, "group": self.group, "turns": self.turns, "disputed": self.disputed,
            **{name: None if one is None else one.row() for name, one in estimates.items()},
        }  # fmt: skip


def turn_errors(turn: LabelledTurn) -> tuple[int, int]:
    """Return the word errors and the number of words said in a turn; without speech every word heard is an error."""
    return word_errors(turn.truth.said if turn.truth else "", normalise(turn.heard))


def scores(turns: Sequence[LabelledTurn], zone: ZoneInfo) -> Iterator[Score]:
    """Yield scores of all turns, then by language, recogniser, hour of the day in ``zone``, and scope."""
    yield Score.of(turns)
    yield from _by(turns, "language", lambda turn: turn.lang)
    yield from _by(turns, "recogniser", lambda turn: turn.engine)
    yield from _by(turns, "hour", lambda turn: f"{dt.datetime.fromtimestamp(turn.started, zone):%H}")
    known = [turn for turn in turns if turn.truth is not None and turn.truth.meant]
    yield from _by(known, "scope", lambda turn: "out" if turn.truth.meant == OUT_OF_SCOPE else "in")  # type: ignore[union-attr]


def _by(turns: Sequence[LabelledTurn], by: str, group: Callable[[LabelledTurn], str]) -> Iterator[Score]:
    for name in sorted({group(turn) for turn in turns}):
        yield Score.of([turn for turn in turns if group(turn) == name], by, name)
