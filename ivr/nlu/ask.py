"""`ivr ask`: what would the service say to a question?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.content.bundle import Content
from ivr.content.intents import EMERGENCY, OUT_OF_SCOPE
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.core.vocabulary import Decision
from ivr.nlu import gate
from ivr.nlu.classifier import Intent, IntentClassifier
from ivr.nlu.gate import Verdict
from ivr.nlu.serving import serving


@dataclass(frozen=True)
class Reply:
    """What was understood, what would be done, the words that would be spoken, and how long it took (s)."""

    intent: Intent
    verdict: Verdict
    answer: str | None
    seconds: float


async def judge(office: Content, classifier: IntentClassifier, text: str, lang: str) -> Reply:
    """One question as a caller's first one; raises NluUnavailable."""
    began = time.perf_counter()
    if office.emergency.heard(text, lang):
        verdict, intent = Verdict(Decision.ANSWER, EMERGENCY), Intent.of([(EMERGENCY, 1.0)])
    else:
        intent = await classifier.classify(text, lang)
        verdict = gate.decide(1.0, intent, office.callflow.gate, office.faq.kinds, lang)
    seconds = time.perf_counter() - began
    spoken = verdict.decision is Decision.ANSWER
    answer = office.faq.answer(verdict.intent, lang, office.now().date()).text if spoken else None
    return Reply(intent, verdict, answer, seconds)


def ask(settings: Settings, lines: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """An answer for each ``{"lang", "text"}``, in order: the contract of `ivr ask`."""
    office = Content.load(settings)
    with serving(settings) as (runner, classifier):
        for line in lines:
            lang, text = _question(line)
            yield _line(lang, text, runner.run(judge(office, classifier, text, lang)))


def _question(line: Mapping[str, Any]) -> tuple[str, str]:
    lang, text = line.get("lang"), line.get("text")
    if lang not in LANGUAGES or not isinstance(text, str):
        raise UsageError(f'not a question: write {{"lang": "fr", "text": "..."}}, lang one of {LANGUAGES}')
    return str(lang), text


def _line(lang: str, text: str, reply: Reply) -> dict[str, Any]:
    name, decision = outcome(reply.verdict)
    return {
        "lang": lang,
        "text": text,
        "intent": name,
        "confidence": round(reply.intent.confidence, 4),
        "decision": decision,
        "answer": reply.answer,
        "ms": round(reply.seconds * 1000, 1),
    }


def outcome(verdict: Verdict) -> tuple[str, str]:
    """Intent and decision in the words of the contract: what is no id of intents.tsv is out of scope.

    EITHER asks back like CONFIRM; a greeting or "and the price?" without a topic is answered by "pardon?".
    """
    match verdict.decision:
        case Decision.EITHER:
            return verdict.intent, Decision.CONFIRM.value
        case Decision.FOLLOW | Decision.SOCIAL | Decision.REPROMPT:
            return OUT_OF_SCOPE, Decision.REPROMPT.value
    return verdict.intent, verdict.decision.value
