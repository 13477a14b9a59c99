"""Labelled turns: the labels of several people as one truth or a dispute, and the agreement of two people.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.text import normalise
from ivr.core.vocabulary import Decision
from ivr.nlu.gate import ACTS
from ivr.store.rows import SpokenTurn, StoredLabel

DECLINED = (Decision.REPROMPT, Decision.HANDOFF, Decision.LET_GO, "")


@dataclass(frozen=True)
class Label:
    """One person's label of a turn: the words said (empty for none) and the intent meant."""

    labeller: str
    words: str
    meant: str
    note: str = ""

    @property
    def said(self) -> str:
        """The words, normalised for comparison."""
        return normalise(self.words)


@dataclass(frozen=True)
class LabelledTurn:
    """A turn as the service handled it, with its labels.

    n: number of the turn, from 1; started: of the call, in seconds since 1970.
    start_s, end_s: of the speech, in seconds since the answer; second: the second best intent.
    decided: the intent acted on; recording: file below the state folder.
    """

    call_id: str
    n: int
    started: float
    start_s: float
    end_s: float
    lang: str
    engine: str
    heard: str
    confidence: float
    intent: str
    intent_confidence: float
    second: str
    decision: str
    decided: str
    recording: str
    labels: tuple[Label, ...] = ()

    @property
    def name(self) -> str:
        """Its name for people: ``1795302000.12/3``."""
        return f"{self.call_id}/{self.n}"

    @property
    def disputed(self) -> bool:
        """Whether two labels differ; case and punctuation do not count."""
        return len({(label.said, label.meant) for label in self.labels}) > 1

    @property
    def truth(self) -> Label | None:
        """The label if there is one and none differs, else None."""
        return self.labels[0] if self.labels and not self.disputed else None

    @property
    def understood(self) -> bool:
        """Whether the recognised intent is the one meant."""
        return self.truth is not None and self.intent == self.truth.meant

    @property
    def served(self) -> bool:
        """Whether the service acted or asked back on the intent meant, or declined what is out of scope."""
        truth = self.truth
        if truth is None:
            return False
        if truth.meant == OUT_OF_SCOPE:
            return self.decision in DECLINED
        about = (self.decided, self.second) if self.decision == Decision.EITHER else (self.decided,)
        return self.decision != Decision.REPROMPT and truth.meant in about

    @property
    def wrongly_answered(self) -> bool:
        """Whether a wrong answer was given, or a wrong order carried out, without asking back."""
        return self.truth is not None and self.decision in ACTS and self.decided != self.truth.meant


def turn_of(row: SpokenTurn, labels: Sequence[Label] = ()) -> LabelledTurn:
    """Return the turn of a row of the store, with ``labels``."""
    names = LabelledTurn.__dataclass_fields__.keys() - {"labels"}
    return LabelledTurn(**{name: getattr(row, name) for name in names}, labels=tuple(labels))


def turns_of(rows: Iterable[StoredLabel]) -> list[LabelledTurn]:
    """Return labelled turns from rows of labels; rows of one turn are adjacent."""
    found = []
    for _, group in groupby(rows, key=lambda row: (row.call_id, row.n)):
        same = list(group)
        labels = [Label(row.labeller, row.words, row.meant, row.note) for row in same]
        found.append(turn_of(same[0], labels))
    return found


@dataclass(frozen=True)
class Agreement:
    """The agreement of two people on the turns that both labelled.

    same_intent, same_words: numbers of turns; kappa: see ``kappa``, None where it is undefined.
    """

    one: str
    other: str
    turns: int
    same_intent: int
    same_words: int
    kappa: float | None


def agreements(turns: Sequence[LabelledTurn]) -> list[Agreement]:
    """Return the agreement of every two people who labelled the same turns."""
    people = sorted({label.labeller for turn in turns for label in turn.labels})
    found = [_agreement(turns, one, other) for one, other in combinations(people, 2)]
    return [pair for pair in found if pair.turns]


def _agreement(turns: Sequence[LabelledTurn], one: str, other: str) -> Agreement:
    views = [{label.labeller: label for label in turn.labels} for turn in turns]
    both = [(view[one], view[other]) for view in views if one in view and other in view]
    meant = [(mine.meant, theirs.meant) for mine, theirs in both]
    same_words = sum(mine.said == theirs.said for mine, theirs in both)
    return Agreement(one, other, len(both), sum(a == b for a, b in meant), same_words, kappa(meant))


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return the agreement of pairs of labels beyond chance: 1 is perfect, 0 is chance; None if undefined.

    Cohen: A Coefficient of Agreement for Nominal Scales, 1960.
    """
    if not pairs:
        return None
    observed = sum(one == other for one, other in pairs) / len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[name] * second[name] for name in first) / len(pairs) ** 2
    return None if chance == 1 else (observed - chance) / (1 - chance)
