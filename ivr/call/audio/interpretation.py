"""An utterance on its way through the recogniser, and what it was taken to mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.audio.turn_trace import Decode, DecodedSpan, TurnTraceBuilder, runs
from ivr.content.bundle import Content
from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.errors import RecogniserError
from ivr.nlu.client import Intent
from ivr.nlu.gate import ACTS, decide
from ivr.speech.stt import Transcript, Utterance


@dataclass(frozen=True)
class Interpretation:
    """A transcript and what it means.  ``complete``: sounds finished; ``urgent``: act on it at once."""

    transcript: Transcript
    intent: Intent | None
    complete: bool
    urgent: bool = False
    understood_ms: float = 0.0


Interpreter = Callable[[Transcript, bool], Awaitable[Interpretation]]
"""Transcript, and whether it is final (all that was said so far) or a partial result."""


Understand = Callable[[str, str], Awaitable[Intent]]
"""The meaning of words in a language; raises NluUnavailable."""


async def interpret(
    heard: Transcript, lang: str, office: Content, understand: Understand, *, final: bool = True
) -> Interpretation:
    """What a transcript means, and whether it sounds finished.  ``lang``: where the recogniser names none.

    Raises NluUnavailable.
    """
    lang = heard.lang or lang
    if heard.text and office.emergency.heard(heard.text, lang, final=final):
        return Interpretation(heard, None, complete=True, urgent=True)
    if not heard.text or not final:  # only an emergency is acted on before he has finished
        return Interpretation(heard, None, complete=False)
    start = asyncio.get_running_loop().time()
    intent = await understand(heard.text, lang)
    spent_s = asyncio.get_running_loop().time() - start
    verdict = decide(heard.confidence, intent, office.callflow.gate, office.faq.kinds, lang)
    complete = verdict.decision in ACTS or office.names.named_in(heard.text) is not None
    return Interpretation(heard, intent, complete, understood_ms=spent_s * 1000)


async def understood(
    utterance: Utterance,
    judge: Interpreter,
    *,
    question: bool,
    tell: Callable[[Interpretation], object] | None = None,
) -> Interpretation:
    """What was said and meant.

    A ``question`` about a topic is listened to quickly where the recogniser can: what can be acted on counts.  What
    cannot is listened to well, and a second time with the noise taken away, and the surer counts; ``tell`` gets what
    was heard the first of these times.

    Raises RecogniserError.
    """
    if not question:
        return await judge(await utterance.decode(), True)
    quick = await utterance.quick()
    hasty = None if quick is None else await judge(quick, True)
    if hasty is not None and hasty.complete:
        return hasty
    # what was doubtful once mostly stays so: both at the same time
    again = asyncio.create_task(_again(utterance))
    try:
        first = _after(hasty, await judge(await utterance.decode(), True))
        if first.complete:
            return first
        if tell is not None:
            tell(first)
        transcript = await again
    finally:
        again.cancel()
    if transcript is None:
        return first
    # how finished he sounds is judged by the sound as it was
    second = _after(first, await judge(replace(transcript, finished=first.transcript.finished), True))
    return max(first, second, key=_sure)


def _after(before: Interpretation | None, judged: Interpretation) -> Interpretation:
    """The latter, with the time that the former took beside its own."""
    spent_ms = 0.0 if before is None else before.understood_ms
    return replace(judged, understood_ms=spent_ms + judged.understood_ms)


async def _again(utterance: Utterance) -> Transcript | None:
    try:
        return await utterance.again()
    except RecogniserError:  # what was heard first holds
        return None


def _sure(judged: Interpretation) -> tuple[bool, float]:
    """Whether it can be acted on, and how sure its meaning is; one that nobody answers is none."""
    intent = judged.intent
    return judged.complete, 0.0 if intent is None or intent.name == OUT_OF_SCOPE else intent.confidence


@dataclass
class Decoding:
    """One utterance on its way through the recogniser.

    ``begin_at``: the frame before its first; ``fed``: the last that the recogniser has.
    """

    utterance: Utterance
    judge: Interpreter
    question: bool
    log: TurnTraceBuilder
    fed: int
    begin_at: int = 0
    crc: int = 0
    empty: list[int] = field(default_factory=list)
    stretch: DecodedSpan = DecodedSpan()
    task: asyncio.Task[Interpretation] | None = None
    began: float = 0.0
    decode_s: float = 0.0
    partial: asyncio.Task[Interpretation | None] | None = None
    first: Interpretation | None = None
    urgent: Interpretation | None = None

    def begin(self, frame: int, over: Callable[[], object]) -> None:
        """Decode all that was fed until now; ``over`` is called when that is done, and was not given up."""
        frames = (self.begin_at * FRAME_S, self.fed * FRAME_S)
        self.stretch = DecodedSpan(*frames, f"{self.crc:08x}", runs(self.empty))
        self.began = asyncio.get_running_loop().time()
        self.log.decodes.append(Decode(frame))
        self.first = None
        self.task = asyncio.create_task(self.decode())
        self.task.add_done_callback(lambda task: None if task.cancelled() else over())

    def done(self, frame: int, *, once: bool = False) -> None:
        """The result is there, or (``once``) that of the first listening counts."""
        latest = self.log.decodes[-1]
        if latest.took is None:
            self.log.decodes[-1] = replace(latest, took=frame - latest.start, once=once)

    async def decode(self) -> Interpretation:
        judged = await understood(self.utterance, self.judge, question=self.question, tell=self.heard_first)
        self._took(judged)
        return judged

    def heard_first(self, judged: Interpretation) -> None:
        """It counts when his turn is over before the second listening is."""
        self.first = judged
        self._took(judged)

    def _took(self, judged: Interpretation) -> None:
        self.decode_s = asyncio.get_running_loop().time() - self.began - judged.understood_ms / 1000

    async def glance(self) -> Interpretation | None:
        try:
            transcript = await self.utterance.partial()
        except RecogniserError:  # it was a glance; decode() tells when the engine is broken
            return None
        return None if transcript is None else await self.judge(transcript, False)

    def drop(self) -> None:
        for task in (self.task, self.partial):
            if task is not None:
                task.cancel()
        self.task = self.partial = None
