"""`ivr bench turns`: how long callers wait for answers, measured in the audio of real calls."""

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
        "C'est combien pour monter à la tour Eiffel ?", "Quels sont les horaires du Louvre ?",
        "Où est-ce qu'on achète un passe Navigo ?", "Comment aller à l'aéroport Charles de Gaulle ?",
        "Est-ce qu'il faut réserver pour Notre-Dame ?", "Où sont les toilettes publiques ?",
    ),
    "en": (
        "How much are tickets for the Eiffel Tower?", "What time does the Louvre close?",
        "Where can I buy a Navigo pass?", "How do I get to Charles de Gaulle airport?",
        "Do I have to book for Notre-Dame?", "Where can I leave my luggage?",
    ),
}  # fmt: skip
KEYS = {"fr": "1", "en": "2"}
LONGEST_CALL_S = 75.0
ANSWERED = 2
"""Questions asked in one call, each after the answer to the one before."""
BARGE_INS = 2
"""Questions after these, each into the answer to the one before; the last is not waited for."""


async def turns(settings: Settings, count: int, *, as_json: bool) -> int:
    """Place ``count`` calls one after the other, questions and barge-ins each; prints percentiles."""
    if count < 1:
        raise UsageError("--calls: write a number from 1 up")
    settings = own_instance(settings, "bench")
    show = Console(stderr=True)
    reports: list[CallReport] = []
    async with service_and_phone(settings, show) as phone:
        for number in range(count):
            report = await _call(settings, phone, number)
            reports.append(report)
            waits = [turn.mouth_to_ear_s for turn in report.analysis.turns]
            show.print(f"call {number + 1}/{count}: greeting {report.analysis.greeting_s} s, answers {waits}")
    _print(reports, as_json=as_json)
    return 0 if all(report.ok for report in reports) else 1


async def _call(settings: Settings, phone: Softphone, number: int) -> CallReport:
    lang, number = ("fr", "en")[number % 2], number // 2
    spec = question_call(settings, lang, number)
    cut_in = [Interrupt(_asked(settings, lang, number, ANSWERED + step)) for step in range(BARGE_INS)]
    return await phone.call(replace(spec, steps=(*spec.steps, *cut_in, HangUp())))


def question_call(settings: Settings, lang: str, number: int) -> CallSpec:
    """The ``number``-th call in that language: its questions, in a voice that is not the service's."""
    says = [Say(_asked(settings, lang, number, step)) for step in range(ANSWERED)]
    return CallSpec(f"sip:127.0.0.1:{settings.sip_port}", (Digits(KEYS[lang]), *says), max_s=LONGEST_CALL_S)


def _asked(settings: Settings, lang: str, number: int, step: int) -> Path:
    """A recording of the ``step``-th question of a call."""
    voices = VOICES[lang] if (settings.models / "kokoro").is_dir() else (None,)
    text = QUESTIONS[lang][(number + step * 3) % len(QUESTIONS[lang])]
    return caller_wav(lang, text, voices[number % len(voices)], settings=settings)


def machine() -> str:
    """What the figures were measured on."""
    kind = platform.processor() or platform.system()
    return f"{platform.machine()}, {kind}, {psutil.cpu_count()} cores, Python {platform.python_version()}"


def _print(reports: Sequence[CallReport], *, as_json: bool) -> None:
    found = [report.analysis for report in reports]
    spreads = {
        "mouth_to_ear": Percentiles.of(_known(turn.mouth_to_ear_s for one in found for turn in one.turns)),
        "greeting": Percentiles.of(_known(one.greeting_s for one in found)),
        "barge_in": Percentiles.of([took for one in found for took in barge_ins(one)]),
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
