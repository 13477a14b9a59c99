"""`ivr ask`: what would the service say to a question?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from ivr.content.bundle import Content
from ivr.content.intents import EMERGENCY, OUT_OF_SCOPE
from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.core.vocabulary import Decision
from ivr.nlu import gate
from ivr.nlu.client import Intent, Understanding
from ivr.nlu.gate import Verdict
from ivr.nlu.server import RasaServer


@dataclass(frozen=True)
class Reply:
    """What was understood, what would be done, the words that would be spoken, and how long it took (s)."""

    intent: Intent
    verdict: Verdict
    answer: str | None
    seconds: float


async def judge(office: Content, understanding: Understanding, text: str, lang: str) -> Reply:
    """One question as a caller's first one; raises NluUnavailable."""
    began = time.perf_counter()
    if office.emergency.heard(text, lang):
        verdict, intent = Verdict(Decision.ANSWER, EMERGENCY), Intent.of([(EMERGENCY, 1.0)])
    else:
        intent = await understanding.understand(text, lang)
        verdict = gate.decide(1.0, intent, office.callflow.gate, office.faq.kinds, lang)
    seconds = time.perf_counter() - began
    spoken = verdict.decision is Decision.ANSWER
    answer = office.faq.answer(verdict.intent, lang, office.now().date()).text if spoken else None
    return Reply(intent, verdict, answer, seconds)


def ask(settings: Settings, lines: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """An answer for each ``{"lang", "text"}``, in order: the contract of `ivr ask`."""
    office = Content.load(settings)
    with serving(settings) as (runner, understanding):
        for line in lines:
            lang, text = _question(line)
            yield _line(lang, text, runner.run(judge(office, understanding, text, lang)))


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[asyncio.Runner, Understanding]]:
    """``served`` where no event loop runs: the connection, and the loop that it belongs to."""
    with asyncio.Runner() as runner:
        server = served(settings)
        understanding = runner.run(server.__aenter__())
        try:
            yield runner, understanding
        finally:
            runner.run(server.__aexit__(None, None, None))


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Understanding]:
    """A connection to the running Rasa, or to one started for as long as this lasts."""
    if settings.rasa_url or await _serves(settings):
        async with Understanding(settings.rasa) as understanding:
            yield understanding
        return
    async with RasaServer(settings), Understanding(settings.rasa) as understanding:
        yield understanding


async def _serves(settings: Settings) -> bool:
    """Whether Rasa answers with the model of today's questions."""
    from ivr.nlu import training

    try:
        async with httpx.AsyncClient(timeout=1, trust_env=False) as client:
            status = (await client.get(f"{settings.rasa}/status")).raise_for_status().json()
        return bool(status["model_file"] == training.model_path(settings).name)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


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
