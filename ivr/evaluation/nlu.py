"""`ivr eval nlu`: scores of the held-out questions, at the thresholds in force and at others."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ivr.content import heldout
from ivr.content.bundle import Content
from ivr.content.callflow import GateSettings
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.core.yamlfile import raise_if_errors
from ivr.evaluation import report
from ivr.evaluation.scores import JudgedQuestion, Scores, percentile
from ivr.nlu import gate
from ivr.nlu.ask import judge
from ivr.nlu.classifier import IntentClassifier
from ivr.nlu.serving import served
from ivr.reporting.html import write

STEPS = [round(step * 0.05, 2) for step in range(21)]  # answer thresholds of the trade-off curve
AT_A_TIME = 1  # the times are those of one caller's question

# Right in scope (all, each language), out of scope not answered: at least; wrong answers: at most.
GOALS = {"right": 0.95, "right_each": 0.92, "not_answered": 0.90, "wrong": 0.01}


def run_nlu(settings: Settings, as_json: bool = False, html: Path | None = None) -> int:
    """Evaluate understanding, print the scores and write the report.

    as_json: print JSON lines; html: file of the report, by default below the var folder.
    Returns 1 when a goal is missed.  Raises ConfigError when questions or content have errors.
    """
    content = Content.load(settings)
    questions, findings = heldout.read(settings.root)
    raise_if_errors(findings, "the held-out questions")
    judged = asyncio.run(judge_all(settings, content, questions))
    rows = [Scores.of(judged), *by_language(judged)]
    missed = misses(rows)
    rows += blind(judged)
    swept = list(sweep(judged, content.callflow.gate, content.faq.kinds))
    times = [one.seconds * 1000 for one in judged]
    timing = {"p50_ms": round(percentile(times, 0.5), 1), "p95_ms": round(percentile(times, 0.95), 1)}
    target = html or settings.var / "reports" / "nlu.html"
    write(target, report.page(rows, swept, judged, timing))
    lines = list(_json(rows, swept, timing, missed)) if as_json else _table(rows, timing, missed, target)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if missed else 0


async def judge_all(
    settings: Settings, content: Content, questions: Sequence[heldout.HeldOutQuestion]
) -> list[JudgedQuestion]:
    """Return every question with its intent and verdict, from the running Rasa or one started for this.

    questions: the held-out questions, answered in this order.
    Raises NluUnavailable.
    """
    places = asyncio.Semaphore(AT_A_TIME)
    async with served(settings) as classifier:

        async def one(question: heldout.HeldOutQuestion) -> JudgedQuestion:
            async with places:
                return await _judge(content, classifier, question)

        return list(await asyncio.gather(*(one(question) for question in questions)))


async def _judge(
    content: Content, classifier: IntentClassifier, question: heldout.HeldOutQuestion
) -> JudgedQuestion:
    reply = await judge(content, classifier, question.text, question.lang)
    return JudgedQuestion(question, reply.intent, reply.verdict, reply.seconds)


def by_language(judged: Sequence[JudgedQuestion]) -> list[Scores]:
    """Return the scores of each language that has questions."""
    parts = {lang: [one for one in judged if one.question.lang == lang] for lang in LANGUAGES}
    return [Scores.of(part, lang) for lang, part in parts.items() if part]


def blind(judged: Sequence[JudgedQuestion]) -> list[Scores]:
    """Return the scores of the blind questions: of all, then of each language."""
    part = [one for one in judged if one.question.blind]
    rows = [Scores.of(part, "blind"), *by_language(part)] if part else []
    return [replace(row, lang=f"blind {row.lang}") if row.lang in LANGUAGES else row for row in rows]


def sweep(
    judged: Sequence[JudgedQuestion], settings: GateSettings, kinds: Mapping[str, str]
) -> Iterator[tuple[float, Scores]]:
    """Yield (answer threshold, scores at it) in ascending order.

    settings: the thresholds in force; kinds: ``Faq.kinds``.
    Confirming and orders never need more certainty than answering.
    """
    for step in STEPS:
        moved = settings.model_copy(
            update={
                "answer": step,
                "confirm": min(settings.confirm, step),
                "control": min(settings.control, step),
                "languages": {},
                "intents": {},
            }
        )
        yield step, Scores.of([_again(one, moved, kinds) for one in judged])


def _again(one: JudgedQuestion, settings: GateSettings, kinds: Mapping[str, str]) -> JudgedQuestion:
    verdict = gate.decide(1.0, one.intent, settings, kinds, one.question.lang)
    return JudgedQuestion(one.question, one.intent, verdict, one.seconds)


def misses(rows: Sequence[Scores]) -> list[str]:
    """Return a line for each goal that is not met.

    rows: the scores of all questions, then of each language.
    """
    total, found = rows[0], []
    for name, sign in (("right", 1), ("not_answered", 1), ("wrong", -1)):
        value = getattr(total, name)
        if sign * value < sign * GOALS[name]:
            found.append(f"{name} is {value:.1%}, the goal is {GOALS[name]:.0%}")
    for row in rows[1:]:
        if row.right < GOALS["right_each"]:
            found.append(f"right in {row.lang} is {row.right:.1%}, the goal is {GOALS['right_each']:.0%}")
    return found


def _json(
    rows: Sequence[Scores], swept: Sequence[tuple[float, Scores]], timing: dict[str, float], missed: list[str]
) -> Iterator[str]:
    for row in rows:
        yield json.dumps({"kind": "scores", **row.rounded()})
    for step, row in swept:
        yield json.dumps({"kind": "threshold", "answer": step, **row.rounded()})
    yield json.dumps({"kind": "summary", **timing, "missed": missed})


def _table(rows: Sequence[Scores], timing: dict[str, float], missed: list[str], html: Path) -> list[str]:
    lines = [
        f"{'':8} {'asked':>6} {'right':>7} {'at once':>8} {'oos declined':>13} {'not answered':>13} {'wrong':>7}"
    ]
    for row in rows:
        lines.append(
            f"{row.lang:8} {row.questions:6} {row.right:7.1%} {row.at_once:8.1%} {row.declined:13.1%}"
            f" {row.not_answered:13.1%} {row.wrong:7.1%}"
        )
    lines.append(f"understanding: p50 {timing['p50_ms']:.0f} ms, p95 {timing['p95_ms']:.0f} ms")
    lines += [f"missed: {line}" for line in missed]
    return [*lines, f"report: {html}"]
