"""`ivr bench turns`: measures in the audio of real calls how long callers wait for answers."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console

from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.reporting.percentiles import Percentiles
from ivr.reporting.recording_analysis import barge_ins
from ivr.simulator.harness import own_instance, service_and_phone
from ivr.simulator.scenario import CallReport, CallSpec, Digits, HangUp, Interrupt, Say
from ivr.simulator.softphone import Softphone
from ivr.speech.caller_voices import VOICES, caller_wav

QUESTIONS = {
    "fr": (
        "C'est combien pour monter à la tour Eiffel ?",
        "Quels sont les horaires du Louvre ?",
        "Où est-ce qu'on achète un passe Navigo ?",
        "Comment aller à l'aéroport Charles de Gaulle ?",
        "Est-ce qu'il faut réserver pour Notre-Dame ?",
        "Où sont les toilettes publiques ?",
    ),
    "en": (
        "How much are tickets for the Eiffel Tower?",
        "What time does the Louvre close?",
        "Where can I buy a Navigo pass?",
        "How do I get to Charles de Gaulle airport?",
        "Do I have to book for Notre-Dame?",
        "Where can I leave my luggage?",
    ),
}
KEYS = {"fr": "1", "en": "2"}
LONGEST_CALL_S = 75.0
QUESTIONS_PER_CALL = 2
"""Questions of one call that wait for the previous answer."""
BARGE_INS = 2
"""Questions after these that interrupt the previous answer.  The call does not wait for the last answer."""


async def turns(settings: Settings, count: int, *, as_json: bool) -> int:
    """Place ``count`` calls one after the other, each with questions and barge-ins, and print percentiles.

    as_json: print one JSON object instead of text.
    Returns 0 when all calls were answered, else 1.  Raises UsageError when ``count`` is below 1.
    """
    if count < 1:
        raise UsageError("--calls: write a number from 1 up")
    settings = own_instance(settings, "bench")
    console = Console(stderr=True)
    reports: list[CallReport] = []
    async with service_and_phone(settings, console) as phone:
        for number in range(count):
            report = await _call(settings, phone, number)
            reports.append(report)
            times = [turn.mouth_to_ear_s for turn in report.analysis.turns]
            console.print(
                f"call {number + 1}/{count}: greeting {report.analysis.greeting_s} s, answers {times}"
            )
    _print(reports, as_json=as_json)
    return 0 if all(report.ok for report in reports) else 1


async def _call(settings: Settings, phone: Softphone, number: int) -> CallReport:
    lang, number = ("fr", "en")[number % 2], number // 2
    spec = question_call(settings, lang, number)
    steps = range(QUESTIONS_PER_CALL, QUESTIONS_PER_CALL + BARGE_INS)
    barge_ins = [Interrupt(_question_wav(settings, lang, number, step)) for step in steps]
    return await phone.call(replace(spec, steps=(*spec.steps, *barge_ins, HangUp())))


def question_call(settings: Settings, lang: str, number: int) -> CallSpec:
    """Build the ``number``-th call in the language ``lang``; its voice differs from the service's."""
    says = [Say(_question_wav(settings, lang, number, step)) for step in range(QUESTIONS_PER_CALL)]
    return CallSpec(f"sip:127.0.0.1:{settings.sip_port}", (Digits(KEYS[lang]), *says), max_s=LONGEST_CALL_S)


def _question_wav(settings: Settings, lang: str, number: int, step: int) -> Path:
    """The spoken ``step``-th question of a call."""
    voices = VOICES[lang] if (settings.models / "kokoro").is_dir() else (None,)
    text = QUESTIONS[lang][(number + step * 3) % len(QUESTIONS[lang])]
    return caller_wav(lang, text, voices[number % len(voices)], settings=settings)


def machine() -> str:
    """Describe the machine on which figures were measured."""
    kind = platform.processor() or platform.system()
    return f"{platform.machine()}, {kind}, {psutil.cpu_count()} cores, Python {platform.python_version()}"


def _print(reports: Sequence[CallReport], *, as_json: bool) -> None:
    analyses = [report.analysis for report in reports]
    spreads = {
        "mouth_to_ear": Percentiles.of(
            _known(turn.mouth_to_ear_s for analysis in analyses for turn in analysis.turns)
        ),
        "greeting": Percentiles.of(_known(analysis.greeting_s for analysis in analyses)),
        "barge_in": Percentiles.of([delay for analysis in analyses for delay in barge_ins(analysis)]),
    }
    if as_json:
        row = {f"{name}_s": vars(spread) for name, spread in spreads.items()} | {"machine": machine()}
        sys.stdout.write(json.dumps(row) + "\n")
        return
    for name, spread in spreads.items():
        sys.stdout.write(f"{name.replace('_', ' '):13} {spread}\n")
    sys.stdout.write(f"on {machine()}\n")


def _known(times: Iterable[float | None]) -> list[float]:
    return [time for time in times if time is not None]
