"""`make demo`: two real calls, one French, one English, shown as timelines and checked by ear.

The callers' voices are not the service's own.  A call is right when the service's audio, transcribed back,
is nearer to the answer of the question asked than to any other answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process
from rich.console import Console

from ivr.content.bundle import Content, now, open_office
from ivr.content.callflow import load_callflow
from ivr.core.audio import RATE, WIDTH
from ivr.core.settings import Settings
from ivr.core.text import normalise
from ivr.reporting.recording_analysis import AnalysedTurn
from ivr.reporting.timeline import timeline
from ivr.service.run import how_to_call
from ivr.simulator.harness import own_instance, service_and_phone
from ivr.simulator.scenario import CallReport, CallSpec, Digits, Say, ScenarioStep
from ivr.speech import stt
from ivr.speech.caller_voices import caller_wav
from ivr.speech.engines import choose
from ivr.store import queries
from ivr.store.access import store

STORED_S = 20.0
"""Longest wait for a call's recording to be joined and stored."""


@dataclass(frozen=True)
class Scene:
    """One demonstration call: key for the language, a question on ``intent``, goodbye."""

    lang: str
    key: str
    question: str
    intent: str
    goodbye: str
    number: str


SCENES = (
    Scene(
        "fr", "1", "Bonjour, c'est combien pour monter à la tour Eiffel ?", "eiffel.price",
        "Non merci, au revoir.", "+33612345678",
    ),
    Scene(
        "en", "2", "Hello, do I need to book to visit Notre-Dame?", "notredame.access",
        "No thank you, goodbye.", "+442071234567",
    ),
)  # fmt: skip


async def run(settings: Settings) -> int:
    """The whole demonstration; 0 when both questions were rightly answered."""
    settings = own_instance(settings, "demo")
    show = Console()
    right = 0
    ears = asyncio.create_task(asyncio.to_thread(_open_ears, settings))  # while the service starts
    async with service_and_phone(settings, show) as phone:
        office, recogniser = await ears
        show.print("Two callers at once, one in French, one in English\n")
        begun = time.time()
        calls = [phone.call(_spec(settings, scene)) for scene in SCENES]
        for scene, report in zip(SCENES, await asyncio.gather(*calls), strict=True):
            text = await heard_back(recogniser, report, scene.lang)
            correct = nearest_answer(office, settings, scene.lang, text) == scene.intent
            right += correct
            await _show(show, settings, scene, begun, report)
            verdict = "the right answer" if correct else "NOT the right answer"
            show.print(f"       heard back: “{text}”\n       [bold]{verdict}[/] ({scene.intent})\n")
    await recogniser.close()
    show.print(f"{right} of {len(SCENES)} questions rightly answered.")
    show.print(f"Stereo recordings (left the caller, right the service): {settings.state / 'recordings'}")
    show.print(f"\nTo call in yourself: make run{how_to_call(dataclasses.replace(settings, sip_port=5060))}")
    return 0 if right == len(SCENES) else 1


def _open_ears(settings: Settings) -> tuple[Content, stt.Recogniser]:
    """What the answers are judged with: the office's own words, and a recogniser that hears them back."""
    recogniser = choose(settings, [scene.lang for scene in SCENES], "whisper")
    return open_office(settings, load_callflow(settings.root)), recogniser


async def heard_back(recogniser: stt.Recogniser, report: CallReport, lang: str) -> str:
    """What the service said in its first answer, as a recogniser hears it."""
    answer = _answer_span(report)
    if answer is None:
        return ""
    start, end = (int(second * RATE) * WIDTH for second in answer)
    utterance = recogniser.utterance([lang])
    utterance.feed(report.service[start:end])
    return (await utterance.decode()).text


def nearest_answer(office: Content, settings: Settings, lang: str, text: str) -> str:
    """The intent whose spoken answer of today the text is nearest to; empty when it is near to none."""
    today = now(settings, office.callflow).date()
    answers = {
        intent: normalise(office.faq.answer(intent, lang, today).text)
        for intent in office.faq.intents
        if office.faq.kind(intent) == "faq"
    }
    best = process.extractOne(normalise(text), answers, scorer=fuzz.token_set_ratio, score_cutoff=60)
    return str(best[2]) if best else ""


def _answer_span(report: CallReport) -> tuple[float, float] | None:
    """Seconds from where the first spoken question was answered to the caller's next word."""
    turns: list[AnalysedTurn] = [turn for turn in report.analysis.turns if turn.answer_start is not None]
    if not turns or turns[0].answer_start is None:
        return None
    start = turns[0].answer_start
    later = [span.start for span in report.analysis.caller if span.start > start]
    return start - 0.2, min([*later, start + 28.0])


def _spec(settings: Settings, scene: Scene) -> CallSpec:
    said: list[Path] = [
        caller_wav(scene.lang, text, settings=settings) for text in (scene.question, scene.goodbye)
    ]
    steps: tuple[ScenarioStep, ...] = (Digits(scene.key), *(Say(path) for path in said))
    record = settings.state / f"demo-{scene.lang}.wav"
    return CallSpec(
        to=f"sip:127.0.0.1:{settings.sip_port}", steps=steps, record=record, max_s=90, caller_id=scene.number
    )


async def _show(show: Console, settings: Settings, scene: Scene, begun: float, report: CallReport) -> None:
    """The call's timeline, once its recording is stored."""
    deadline = time.monotonic() + STORED_S
    while True:
        engine = await asyncio.to_thread(store, settings)
        newest = queries.recent_calls(engine, 5)
        row = next((row for row in newest if row["started"] >= begun and row["lang"] == scene.lang), None)
        if row is not None and row["recording"] or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    if row is None:
        show.print(f"[red]The {scene.lang} call is not in the store.[/]")
        return
    waits = [
        (turn.answer_start, turn.mouth_to_ear_s)
        for turn in report.analysis.turns
        if turn.answer_start is not None and turn.mouth_to_ear_s is not None
    ]
    story = await asyncio.to_thread(queries.events_of, engine, row["id"])
    show.print(timeline(f"Call {row['id']}: {scene.lang}, from {scene.number}", story, waits))
