"""Scores of understanding over questions with known intents.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from rapidfuzz.distance import Levenshtein

from ivr.content.heldout import HeldOutQuestion
from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.vocabulary import Decision
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import ACTS, Verdict

ASKS = (Decision.CONFIRM, Decision.EITHER)
SOCIAL = (Decision.SOCIAL, Decision.FOLLOW)


@dataclass(frozen=True)
class JudgedQuestion:
    """A held-out question with its recognised intent, the gate's verdict, and the seconds they took."""

    question: HeldOutQuestion
    intent: Intent
    verdict: Verdict
    seconds: float = 0.0

    @property
    def in_scope(self) -> bool:
        """Whether the service should act on it."""
        return self.question.intent != OUT_OF_SCOPE

    @property
    def hit(self) -> bool:
        """Whether the decision is about the right intent."""
        about = (self.verdict.intent, self.verdict.other)
        return self.verdict.decision is not Decision.REPROMPT and self.question.intent in about

    @property
    def wrong(self) -> bool:
        """Whether a wrong answer would be spoken, or a wrong order carried out, without asking."""
        return self.verdict.decision in ACTS and self.verdict.intent != self.question.intent


@dataclass(frozen=True)
class Scores:
    """Shares from 0 to 1.

    Of questions in scope:

    right: the right intent, at once or after "did you mean ...?".
    at_once: the right intent, without asking.
    first: the model's best guess is right, whatever the gate does.

    Of questions out of scope: ``declined`` ("pardon?") and ``not_answered`` (declined, or asked back).  Of all
    questions ``wrong``: a wrong answer or order would follow at once.
    """

    lang: str
    questions: int
    out_of_scope: int
    right: float
    at_once: float
    first: float
    declined: float
    not_answered: float
    wrong: float

    @classmethod
    def of(cls, judged: Sequence[JudgedQuestion], lang: str = "all") -> Scores:
        """Return the scores of ``judged``; all shares are 0 when it is empty.

        lang: name of the row.
        """
        asked = [one for one in judged if one.in_scope]
        outside = [one for one in judged if not one.in_scope]
        return cls(
            lang,
            len(judged),
            len(outside),
            right=share(one.hit for one in asked),
            at_once=share(one.hit and one.verdict.decision not in ASKS for one in asked),
            first=share(one.intent.name == one.question.intent for one in asked),
            declined=share(one.verdict.decision not in (*ACTS, *ASKS) for one in outside),
            not_answered=share(one.verdict.decision not in ACTS for one in outside),
            wrong=share(one.wrong for one in judged),
        )

    def rounded(self) -> dict[str, str | int | float]:
        """Return the fields for JSON, shares rounded to four digits."""
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(self).items()}


def share(marks: Iterable[bool]) -> float:
    """Return the share (0 to 1) of true values; 0 for none."""
    listed = list(marks)
    return sum(listed) / len(listed) if listed else 0.0


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Return the word errors of ``heard`` (words inserted, deleted or replaced) and the number of words said.

    Both texts are compared as they are: normalise them first.
    """
    words = said.split()
    return Levenshtein.distance(words, heard.split()), len(words)


def confusion(judged: Iterable[JudgedQuestion]) -> Counter[tuple[str, str]]:
    """Return the number of questions by (right intent, intent acted or asked on); declined ones count as oos."""
    return Counter((one.question.intent, acted(one.verdict)) for one in judged)


def acted(verdict: Verdict) -> str:
    """Return the intent of a verdict, or oos when it declines."""
    declined = verdict.decision in (Decision.REPROMPT, Decision.HANDOFF)
    return OUT_OF_SCOPE if declined else verdict.intent


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value below which ``part`` (0 to 1) of the values lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
