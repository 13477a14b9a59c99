"""The gate's decisions, at every edge."""

from __future__ import annotations

import pytest

from ivr.content.callflow import GateOverride, GateSettings, RecogniserThresholds
from ivr.core.vocabulary import Decision
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Verdict, decide

GATE = GateSettings(
    answer=0.6,
    confirm=0.3,
    margin=0.2,
    control=0.4,
    heard=RecogniserThresholds(sure=0.5, poor=0.2, lost=0.1, certain=0.9),
    languages={"es": GateOverride(answer=0.8)},
    intents={"taxi": GateOverride(answer=0.9)},
)
KINDS = {
    "louvre.hours": "faq", "louvre.price": "faq", "orsay": "faq", "taxi": "faq", "emergency": "faq",
    "repeat": "control", "yes": "control", "oos": "social", "follow.price": "social", "greeting": "social",
}  # fmt: skip


def judged(*ranking: tuple[str, float], heard: float = 1.0, lang: str = "fr", reprompts: int = 0) -> Verdict:
    return decide(heard, Intent.of(list(ranking)), GATE, KINDS, lang, reprompts=reprompts)


@pytest.mark.parametrize(
    ("ranking", "decision", "intent"),
    [
        ([("louvre.hours", 0.6), ("orsay", 0.39)], Decision.ANSWER, "louvre.hours"),
        ([("louvre.hours", 0.59), ("orsay", 0.1)], Decision.CONFIRM, "louvre.hours"),
        ([("louvre.hours", 0.6), ("orsay", 0.41)], Decision.CONFIRM, "louvre.hours"),
        ([("louvre.hours", 0.3), ("orsay", 0.1)], Decision.CONFIRM, "louvre.hours"),
        ([("louvre.hours", 0.29), ("orsay", 0.1)], Decision.REPROMPT, "oos"),
        ([("oos", 0.9), ("orsay", 0.1)], Decision.REPROMPT, "oos"),
        ([("repeat", 0.4), ("orsay", 0.39)], Decision.CONTROL, "repeat"),
        ([("repeat", 0.39), ("orsay", 0.1)], Decision.CONFIRM, "repeat"),
        ([("yes", 0.39), ("orsay", 0.1)], Decision.REPROMPT, "oos"),
        ([("follow.price", 0.5), ("orsay", 0.3)], Decision.FOLLOW, "follow.price"),
        ([("greeting", 0.5), ("orsay", 0.3)], Decision.SOCIAL, "greeting"),
        ([("emergency", 0.4), ("orsay", 0.39)], Decision.ANSWER, "emergency"),
        ([("emergency", 0.29), ("orsay", 0.1)], Decision.REPROMPT, "oos"),
        ([("taxi", 0.85), ("orsay", 0.1)], Decision.CONFIRM, "taxi"),
        ([("never.seen", 0.99)], Decision.SOCIAL, "never.seen"),
    ],
)
def test_decisions(ranking: list[tuple[str, float]], decision: Decision, intent: str) -> None:
    verdict = judged(*ranking)
    assert (verdict.decision, verdict.intent) == (decision, intent)


def test_two_close_intents_of_one_topic_are_both_offered() -> None:
    verdict = judged(("louvre.hours", 0.48), ("louvre.price", 0.42))
    assert verdict == Verdict(Decision.EITHER, "louvre.hours", "louvre.price")
    assert judged(("louvre.hours", 0.48), ("orsay", 0.42)).decision is Decision.CONFIRM


@pytest.mark.parametrize(
    ("intent", "certainty", "heard", "decision"),
    [
        ("louvre.hours", 0.89, 0.5, Decision.ANSWER),
        ("louvre.hours", 0.89, 0.49, Decision.CONFIRM),
        ("louvre.hours", 0.9, 0.49, Decision.ANSWER),  # the meaning is certain all the same
        ("louvre.hours", 0.9, 0.2, Decision.ANSWER),
        ("louvre.hours", 0.99, 0.19, Decision.CONFIRM),
        ("louvre.hours", 0.3, 0.1, Decision.CONFIRM),
        ("louvre.hours", 0.99, 0.09, Decision.REPROMPT),
        ("repeat", 0.4, 0.2, Decision.CONTROL),
        ("repeat", 0.99, 0.19, Decision.CONFIRM),  # an order that was badly heard is not carried out at once
        ("yes", 0.99, 0.2, Decision.CONTROL),
        ("yes", 0.99, 0.19, Decision.REPROMPT),
        ("greeting", 0.99, 0.19, Decision.REPROMPT),
        ("emergency", 0.5, 0.2, Decision.ANSWER),
        ("emergency", 0.5, 0.19, Decision.CONFIRM),
        ("emergency", 0.99, 0.09, Decision.REPROMPT),
    ],
)
def test_what_was_badly_heard(intent: str, certainty: float, heard: float, decision: Decision) -> None:
    assert judged((intent, certainty), heard=heard).decision is decision


def test_a_language_has_its_own_thresholds() -> None:
    assert judged(("orsay", 0.7), lang="es").decision is Decision.CONFIRM
    assert judged(("orsay", 0.7), lang="it").decision is Decision.ANSWER


def test_after_one_reprompt_comes_a_person() -> None:
    assert judged(("oos", 0.9)).decision is Decision.REPROMPT
    assert judged(("oos", 0.9), reprompts=1).decision is Decision.HANDOFF
    assert judged(("orsay", 0.9), reprompts=1).decision is Decision.ANSWER


def test_nothing_ranked_is_out_of_scope() -> None:
    assert judged().decision is Decision.REPROMPT
