"""`ivr ask`: what the service would answer to a question."""

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
    """What was understood, the decision, the text that would be spoken, and the seconds that understanding took."""

    intent: Intent
    verdict: Verdict
    answer: str | None
    seconds: float


async def judge(content: Content, classifier: IntentClassifier, text: str, lang: str) -> Reply:
    """Judge a question as if it were the first of a call.

    content: what the service knows; classifier: names the intent.
    text, lang: the question and the code of its language.
    Raises NluUnavailable where the classifier does not answer.
    """
    began = time.perf_counter()
    if content.emergency.heard(text, lang):
        verdict, intent = Verdict(Decision.ANSWER, EMERGENCY), Intent.of([(EMERGENCY, 1.0)])
    else:
        intent = await classifier.classify(text, lang)
        verdict = gate.decide(1.0, intent, content.callflow.gate, content.faq.kinds, lang)
    seconds = time.perf_counter() - began
    spoken = verdict.decision is Decision.ANSWER
    answer = content.faq.answer(verdict.intent, lang, content.now().date()).text if spoken else None
    return Reply(intent, verdict, answer, seconds)


def ask(settings: Settings, lines: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Answer each line ``{"lang", "text"}`` in order; docs/commands.md describes the fields.

    Raises UsageError for a line that is not a question, and SetupError where no Rasa can be started.
    """
    content = Content.load(settings)
    with serving(settings) as (runner, classifier):
        for line in lines:
            lang, text = _question(line)
            yield _line(lang, text, runner.run(judge(content, classifier, text, lang)))


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
    """Return the intent and the decision as `ivr ask` prints them.

    EITHER is printed as CONFIRM.  Small talk and "and the price?" without a topic are out of scope: the service says
    "pardon?".
    """
    match verdict.decision:
        case Decision.EITHER:
            return verdict.intent, Decision.CONFIRM.value
        case Decision.FOLLOW | Decision.SOCIAL | Decision.REPROMPT:
            return OUT_OF_SCOPE, Decision.REPROMPT.value
    return verdict.intent, verdict.decision.value
