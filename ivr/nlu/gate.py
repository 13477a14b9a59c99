"""The gate: certainty -> answer, ask back, or admit that nothing was understood.  Pure.

::

    certain, and clear of the second        -> ANSWER   (CONTROL for an order, FOLLOW for "and the price?")
    two intents of one topic share it       -> EITHER   "the prices or the opening hours?"
    likely                                  -> CONFIRM  "did you mean ...?"
    unlikely, out of scope, not heard       -> REPROMPT once, then HANDOFF

The recogniser's own certainty moves the first two: what it doubts is answered only where the meaning is certain
all the same, what it doubts much is never acted on at once, but asked back.  Measured: docs/understanding.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ivr.content.callflow import GateOverride, GateSettings
from ivr.content.intents import EMERGENCY, FOLLOW_UP, OUT_OF_SCOPE, ControlIntent
from ivr.core.vocabulary import Decision
from ivr.nlu.classifier import Intent

EMERGENCY_SURE = 0.4
"""From here on an emergency is answered without asking; its plain words do not come here at all."""
YES_NO = frozenset({ControlIntent.YES, ControlIntent.NO})


ACTS = (Decision.ANSWER, Decision.CONTROL)
"""The service acts at once, nothing is asked back."""


@dataclass(frozen=True)
class Rule:
    """Thresholds from 0 to 1: to answer, to confirm, distance to the second, for an order."""

    answer: float
    confirm: float
    margin: float
    control: float


def rule(gate: GateSettings, lang: str, intent: str) -> Rule:
    """The thresholds in force for an intent in a language: the intent's override beats the language's."""
    found = Rule(gate.answer, gate.confirm, gate.margin, gate.control)
    for code, override in gate.languages.items():
        found = _overridden(found, override) if code == lang else found
    return _overridden(found, gate.intents[intent]) if intent in gate.intents else found


def _overridden(base: Rule, override: GateOverride) -> Rule:
    return replace(base, **override.model_dump(exclude_none=True))


@dataclass(frozen=True)
class Verdict:
    """The decision; ``intent`` it is about, ``other`` the second one of EITHER."""

    decision: Decision
    intent: str = OUT_OF_SCOPE
    other: str | None = None


def decide(
    transcript_confidence: float,
    intent: Intent,
    gate: GateSettings,
    kinds: Mapping[str, str],
    lang: str,
    *,
    reprompts: int = 0,
    limit: int = 1,
) -> Verdict:
    """What to do with an utterance; ``kinds`` is Faq.kinds.

    ``reprompts`` counts the failed utterances just before it; from ``limit`` on the next one is a HANDOFF.
    """
    lost = Verdict(Decision.REPROMPT if reprompts < limit else Decision.HANDOFF)
    if transcript_confidence < gate.heard.lost:
        return lost
    limits, kind = rule(gate, lang, intent.name), kinds.get(intent.name, "social")
    if kind == "social":
        return _remark(intent, limits, lost) if transcript_confidence >= gate.heard.poor else lost
    verdict = _order(intent, limits, lost) if kind == "control" else _question(intent, limits, lost)
    return _doubted(verdict, transcript_confidence, intent, gate, lost)


def _doubted(
    verdict: Verdict, transcript_confidence: float, intent: Intent, gate: GateSettings, lost: Verdict
) -> Verdict:
    """The verdict after the recogniser's own doubts."""
    answers = verdict.decision is Decision.ANSWER and intent.name != EMERGENCY
    needed = gate.heard.certain if answers and transcript_confidence < gate.heard.sure else 0.0
    trusted = transcript_confidence >= gate.heard.poor and intent.confidence >= needed
    if trusted or verdict.decision not in ACTS:
        return verdict
    return lost if intent.name in YES_NO else Verdict(Decision.CONFIRM, intent.name)


def _question(intent: Intent, limits: Rule, lost: Verdict) -> Verdict:
    if intent.name == EMERGENCY and intent.confidence >= max(limits.confirm, EMERGENCY_SURE):
        return Verdict(Decision.ANSWER, intent.name)
    second, runner_up = _second(intent)
    clear = intent.confidence - runner_up >= limits.margin
    if intent.confidence >= limits.answer and clear:
        return Verdict(Decision.ANSWER, intent.name)
    if not clear and _siblings(intent.name, second) and intent.confidence + runner_up >= limits.answer:
        return Verdict(Decision.EITHER, intent.name, second)
    return Verdict(Decision.CONFIRM, intent.name) if intent.confidence >= limits.confirm else lost


def _second(intent: Intent) -> tuple[str, float]:
    others = [pair for pair in intent.ranking if pair[0] != intent.name]
    return others[0] if others else (OUT_OF_SCOPE, 0.0)


def _order(intent: Intent, limits: Rule, lost: Verdict) -> Verdict:
    if intent.confidence >= limits.control:
        return Verdict(Decision.CONTROL, intent.name)
    asked_back = intent.confidence >= limits.confirm and intent.name not in YES_NO
    return Verdict(Decision.CONFIRM, intent.name) if asked_back else lost


def _remark(intent: Intent, limits: Rule, lost: Verdict) -> Verdict:
    if intent.name == OUT_OF_SCOPE or intent.confidence < limits.control:
        return lost
    follow = intent.name.startswith(FOLLOW_UP)
    return Verdict(Decision.FOLLOW if follow else Decision.SOCIAL, intent.name)


def _siblings(one: str, two: str) -> bool:
    """Two answers of one topic: louvre.hours and louvre.price."""
    return "." in one and one.partition(".")[0] == two.partition(".")[0]
