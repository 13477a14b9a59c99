"""One utterance on its way through the recogniser, and what it means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ivr.call.audio.turn_detector import FRAME_S
from ivr.call.audio.turn_trace import Decode, DecodedSpan, TurnTraceBuilder
from ivr.content.bundle import Content
from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.errors import RecogniserError
from ivr.core.run_lengths import write_runs
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import ACTS, decide
from ivr.speech.stt import Transcript, Utterance


@dataclass(frozen=True)
class Interpretation:
    """A transcript and what it means.

    intent: its meaning; None where it was not asked for.
    complete: whether the sentence can be acted on.
    urgent: whether it holds an emergency word.
    understood_ms: milliseconds that understanding took.
    """

    transcript: Transcript
    intent: Intent | None
    complete: bool
    urgent: bool = False
    understood_ms: float = 0.0


Interpreter = Callable[[Transcript, bool], Awaitable[Interpretation]]
"""Interprets a transcript, which is final (all that was said so far) or a partial result."""
Understand = Callable[[str, str], Awaitable[Intent]]
"""Returns the meaning of a text in a language (its code); raises NluUnavailable."""


async def interpret(
    heard: Transcript, lang: str, content: Content, understand: Understand, *, final: bool = True
) -> Interpretation:
    """Return what a transcript means, and whether it can be acted on.

    lang: the language where the recogniser names none.
    content: emergency words, thresholds and language names.
    understand: the intent classifier.
    final: False for a partial result, which is only searched for an emergency.

    Raises NluUnavailable.
    """
    lang = heard.lang or lang
    if heard.text and content.emergency.heard(heard.text, lang, final=final):
        return Interpretation(heard, None, complete=True, urgent=True)
    if not heard.text or not final:
        return Interpretation(heard, None, complete=False)
    start = asyncio.get_running_loop().time()
    intent = await understand(heard.text, lang)
    spent_s = asyncio.get_running_loop().time() - start
    verdict = decide(heard.confidence, intent, content.callflow.gate, content.faq.kinds, lang)
    complete = verdict.decision in ACTS or content.names.named_in(heard.text) is not None
    return Interpretation(heard, intent, complete, understood_ms=spent_s * 1000)


async def understood(
    utterance: Utterance,
    interpreter: Interpreter,
    *,
    question: bool,
    tell: Callable[[Interpretation], object] | None = None,
) -> Interpretation:
    """Return what was said and meant.

    utterance: the audio fed to the recogniser.
    interpreter: gives a transcript its meaning.
    question: whether a topic is asked for.  Such an utterance is first decoded quickly, where the recogniser can do
        that.  A result that cannot be acted on is decoded in full, and a second time with the noise removed; the
        surer of the two counts.
    tell: called with the result of the full decode while the second one runs.

    Raises RecogniserError.
    """
    if not question:
        return await interpreter(await utterance.decode(), True)
    quick = await utterance.quick()
    hasty = None if quick is None else await interpreter(quick, True)
    if hasty is not None and hasty.complete:
        return hasty
    # a quick result in doubt mostly stays in doubt: both decodes run at the same time
    again = asyncio.create_task(_again(utterance))
    try:
        first = _after(hasty, await interpreter(await utterance.decode(), True))
        if first.complete:
            return first
        if tell is not None:
            tell(first)
        transcript = await again
    finally:
        again.cancel()
    if transcript is None:
        return first
    # whether the sentence is finished is judged by the sound without noise reduction
    second = _after(first, await interpreter(replace(transcript, finished=first.transcript.finished), True))
    return max(first, second, key=_certainty)


def _after(before: Interpretation | None, heard: Interpretation) -> Interpretation:
    """The latter, with the time of both."""
    spent_ms = 0.0 if before is None else before.understood_ms
    return replace(heard, understood_ms=spent_ms + heard.understood_ms)


async def _again(utterance: Utterance) -> Transcript | None:
    try:
        return await utterance.again()
    except RecogniserError:  # the first result holds
        return None


def _certainty(heard: Interpretation) -> tuple[bool, float]:
    """Whether it can be acted on, and how certain its meaning is; out of scope is no meaning."""
    intent = heard.intent
    return heard.complete, 0.0 if intent is None or intent.name == OUT_OF_SCOPE else intent.confidence


@dataclass
class Decoding:
    """One utterance on its way through the recogniser.

    utterance, interpreter, question: as in ``understood``.
    trace: the trace of the turn, which notes every decode.
    fed: the last frame that the recogniser has.
    begin_at: the frame before the first one.
    crc: the CRC-32 of all that was fed.
    gaps: the frames without sound, counted from ``begin_at``.
    span: what the last decode covered.
    task: the decode that runs or has ended; None while audio is fed.
    began: when that decode began, in seconds of the event loop's clock.
    decode_s: seconds that recognition took.
    partial: a look at the partial text that runs.
    first: the result of the first full decode while the second one runs.
    urgent: an emergency in a partial text.
    """

    utterance: Utterance
    interpreter: Interpreter
    question: bool
    trace: TurnTraceBuilder
    fed: int
    begin_at: int = 0
    crc: int = 0
    gaps: list[int] = field(default_factory=list)
    span: DecodedSpan = DecodedSpan()
    task: asyncio.Task[Interpretation] | None = None
    began: float = 0.0
    decode_s: float = 0.0
    partial: asyncio.Task[Interpretation | None] | None = None
    first: Interpretation | None = None
    urgent: Interpretation | None = None

    def begin(self, frame: int, over: Callable[[], object]) -> None:
        """Start to decode all that was fed.

        frame: the current frame.  over: called when the decode has ended and was not cancelled.
        """
        frames = (self.begin_at * FRAME_S, self.fed * FRAME_S)
        self.span = DecodedSpan(*frames, f"{self.crc:08x}", write_runs(self.gaps))
        self.began = asyncio.get_running_loop().time()
        self.trace.decodes.append(Decode(frame))
        self.first = None
        self.task = asyncio.create_task(self.decode())
        self.task.add_done_callback(lambda task: None if task.cancelled() else over())

    def done(self, frame: int, *, once: bool = False) -> None:
        """Note at ``frame`` that the result is there, or that the first result counts (``once``)."""
        latest = self.trace.decodes[-1]
        if latest.took is None:
            self.trace.decodes[-1] = replace(latest, took=frame - latest.start, once=once)

    async def decode(self) -> Interpretation:
        """Decode and interpret; raises RecogniserError."""
        heard = await understood(
            self.utterance, self.interpreter, question=self.question, tell=self.heard_first
        )
        self._took(heard)
        return heard

    def heard_first(self, heard: Interpretation) -> None:
        """Keep the first result: it counts when the turn ends before the second decode does."""
        self.first = heard
        self._took(heard)

    def _took(self, heard: Interpretation) -> None:
        self.decode_s = asyncio.get_running_loop().time() - self.began - heard.understood_ms / 1000

    async def glance(self) -> Interpretation | None:
        """Interpret the partial text; None where there is none, or the recogniser has failed."""
        try:
            transcript = await self.utterance.partial()
        except RecogniserError:  # ``decode`` reports a recogniser that is broken
            return None
        return None if transcript is None else await self.interpreter(transcript, False)

    def drop(self) -> None:
        """Cancel what runs."""
        for task in (self.task, self.partial):
            if task is not None:
                task.cancel()
        self.task = self.partial = None
