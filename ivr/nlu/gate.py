"""The gate decides by confidence: answer, ask back, or say that nothing was understood.  Pure.

::

    certain, and clear of the second        -> ANSWER   (CONTROL for an order, FOLLOW for "and the price?")
    two intents of one topic share it       -> EITHER   "the prices or the opening hours?"
    likely                                  -> CONFIRM  "did you mean ...?"
    unlikely, out of scope, not heard       -> REPROMPT once, then HANDOFF

The confidence of the recogniser counts, too.  A doubtful transcript is answered only if its intent is certain, and a
very doubtful one is always asked back.  docs/understanding.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ivr.content.callflow import GateOverride, GateSettings
from ivr.content.intents import EMERGENCY, FOLLOW_UP, OUT_OF_SCOPE, ControlIntent
from ivr.core.vocabulary import Decision
from ivr.nlu.classifier import Intent

EMERGENCY_SURE = 0.4
"""Least confidence of an emergency that is answered without asking back.  Emergency words never reach the gate."""
YES_NO = frozenset({ControlIntent.YES, ControlIntent.NO})


ACTS = (Decision.ANSWER, Decision.CONTROL)
"""The decisions after which the service acts at once."""


@dataclass(frozen=True)
class Rule:
    """Thresholds, 0 to 1.

    answer, confirm: least confidence to answer, and to ask back.
    margin: least distance to the second intent.
    control: least confidence of an order or of small talk.
    """

    answer: float
    confirm: float
    margin: float
    control: float


def rule(gate: GateSettings, lang: str, intent: str) -> Rule:
    """The thresholds for an intent in a language; an override for the intent beats one for the language."""
    found = Rule(gate.answer, gate.confirm, gate.margin, gate.control)
    for code, override in gate.languages.items():
        found = _overridden(found, override) if code == lang else found
    return _overridden(found, gate.intents[intent]) if intent in gate.intents else found


def _overridden(base: Rule, override: GateOverride) -> Rule:
    return replace(base, **override.model_dump(exclude_none=True))


@dataclass(frozen=True)
class Verdict:
    """The decision, the ``intent`` it is about, and the ``other`` intent of EITHER."""

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
    """Decide what to do with an utterance.

    transcript_confidence: confidence of the recogniser, 0 to 1.
    intent: what the classifier returned.
    gate: the thresholds of ``callflow.yml``.
    kinds: the kind of each intent (``Faq.kinds``); an unknown intent is small talk.
    lang: language of the utterance.
    reprompts: utterances just before this one that were not understood.
    limit: from this number of reprompts on the result is HANDOFF instead of REPROMPT.
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
    """Lower the verdict where the recogniser is in doubt."""
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
    """Whether two intents are answers of one topic, such as louvre.hours and louvre.price."""
    return "." in one and one.partition(".")[0] == two.partition(".")[0]
