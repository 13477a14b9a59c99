"""`make demo`: places two real calls, in French and in English, shows their timelines and checks the answers.

The callers' voices differ from the service's.  The service's audio is transcribed again.  An answer is right when
this text is nearer to the expected answer than to any other answer of the FAQ.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass

from rapidfuzz import fuzz, process
from rich.console import Console

from ivr.content.bundle import Content
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
from ivr.store.database import Store

STORED_S = 20.0
"""Longest wait for a call's recording to be stored."""


@dataclass(frozen=True)
class Scene:
    """One call of the demonstration.

    lang, key: the language, and the key that chooses it.
    question, intent: what the caller asks, and the intent of the expected answer.
    goodbye: the caller's last words.
    number: the number that the caller shows.
    """

    lang: str
    key: str
    question: str
    intent: str
    goodbye: str
    number: str


SCENES = (
    Scene(
        lang="fr",
        key="1",
        question="Bonjour, c'est combien pour monter à la tour Eiffel ?",
        intent="eiffel.price",
        goodbye="Non merci, au revoir.",
        number="+33612345678",
    ),
    Scene(
        lang="en",
        key="2",
        question="Hello, do I need to book to visit Notre-Dame?",
        intent="notredame.access",
        goodbye="No thank you, goodbye.",
        number="+442071234567",
    ),
)


async def run(settings: Settings) -> int:
    """Run the demonstration on an instance of its own; returns 0 when both answers are right, else 1."""
    settings = own_instance(settings, "demo")
    console = Console()
    right = 0
    loading = asyncio.create_task(asyncio.to_thread(_load, settings))  # while the service starts
    async with service_and_phone(settings, console) as phone:
        content, recogniser = await loading
        console.print("Two callers at once, one in French, one in English\n")
        begun, store = time.time(), Store(settings.database)
        calls = [phone.call(_spec(settings, scene)) for scene in SCENES]
        for scene, report in zip(SCENES, await asyncio.gather(*calls), strict=True):
            text = await transcribe_answer(recogniser, report, scene.lang)
            correct = nearest_answer(content, settings, scene.lang, text) == scene.intent
            right += correct
            await _print_timeline(console, store, scene, begun, report)
            verdict = "the right answer" if correct else "NOT the right answer"
            console.print(f"       heard back: “{text}”\n       [bold]{verdict}[/] ({scene.intent})\n")
    await recogniser.close()
    store.close()
    console.print(f"{right} of {len(SCENES)} questions rightly answered.")
    console.print(f"Stereo recordings (left the caller, right the service): {settings.state_dir.recordings}")
    console.print(
        f"\nTo call in yourself: make run{how_to_call(dataclasses.replace(settings, sip_port=5060))}"
    )
    return 0 if right == len(SCENES) else 1


def _load(settings: Settings) -> tuple[Content, stt.Recogniser]:
    """The content and a recogniser, with which the answers are checked."""
    recogniser = choose(settings, [scene.lang for scene in SCENES], "whisper")
    return Content.load(settings), recogniser


async def transcribe_answer(recogniser: stt.Recogniser, report: CallReport, lang: str) -> str:
    """Transcribe the service's first answer in ``report`` with ``recogniser``, in the language ``lang``.

    Returns an empty string when no question was answered.
    """
    answer = _answer_span(report)
    if answer is None:
        return ""
    start, end = (int(second * RATE) * WIDTH for second in answer)
    utterance = recogniser.utterance([lang])
    utterance.feed(report.service[start:end])
    return (await utterance.decode()).text


def nearest_answer(content: Content, settings: Settings, lang: str, text: str) -> str:
    """Find the intent whose spoken answer is nearest to ``text``.

    content, settings: the FAQ, and the day for which its answers are taken.
    lang: language of the answers.
    Returns an empty string when no answer is near.
    """
    today = content.now().date()
    answers = {
        intent: normalise(content.faq.answer(intent, lang, today).text)
        for intent in content.faq.intents
        if content.faq.kind(intent) == "faq"
    }
    best = process.extractOne(normalise(text), answers, scorer=fuzz.token_set_ratio, score_cutoff=60)
    return str(best[2]) if best else ""


def _answer_span(report: CallReport) -> tuple[float, float] | None:
    """Start and end of the answer to the first spoken question, in seconds; None when there is none."""
    turns: list[AnalysedTurn] = [turn for turn in report.analysis.turns if turn.answer_start is not None]
    if not turns or turns[0].answer_start is None:
        return None
    start = turns[0].answer_start
    later = [span.start for span in report.analysis.caller if span.start > start]
    return start - 0.2, min([*later, start + 28.0])


def _spec(settings: Settings, scene: Scene) -> CallSpec:
    texts = (scene.question, scene.goodbye)
    says = [Say(caller_wav(scene.lang, text, settings=settings)) for text in texts]
    steps: tuple[ScenarioStep, ...] = (Digits(scene.key), *says)
    record = settings.state_dir.demo_recording(scene.lang)
    return CallSpec(
        to=f"sip:127.0.0.1:{settings.sip_port}", steps=steps, record=record, max_s=90, caller_id=scene.number
    )


async def _print_timeline(
    console: Console, store: Store, scene: Scene, begun: float, report: CallReport
) -> None:
    """Print the call's timeline, once its recording is stored."""
    deadline = time.monotonic() + STORED_S
    while True:
        newest = await asyncio.to_thread(queries.recent_calls, store, 5)
        row = next((row for row in newest if row.started >= begun and row.lang == scene.lang), None)
        if row is not None and row.recording or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    if row is None:
        console.print(f"[red]The {scene.lang} call is not in the store.[/]")
        return
    waits = [
        (turn.answer_start, turn.mouth_to_ear_s)
        for turn in report.analysis.turns
        if turn.answer_start is not None and turn.mouth_to_ear_s is not None
    ]
    story = await asyncio.to_thread(queries.events_of, store, row.id)
    console.print(timeline(f"Call {row.id}: {scene.lang}, from {scene.number}", story, waits))
