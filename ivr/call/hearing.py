"""An utterance on its way through the recogniser, and what it was taken to mean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ivr.call.course import Log, Stretch, runs
from ivr.call.turns import FRAME_S
from ivr.errors import RecogniserError
from ivr.gate import OUT_OF_SCOPE
from ivr.nlu import Intent
from ivr.speech.stt import Transcript, Utterance


@dataclass(frozen=True)
class Judged:
    """A transcript and what it means.  ``complete``: sounds finished; ``urgent``: act on it at once."""

    transcript: Transcript
    intent: Intent | None
    complete: bool
    urgent: bool = False
    understood_ms: float = 0.0


Judge = Callable[[Transcript, bool], Awaitable[Judged]]
"""Transcript, and whether it is final (all that was said so far) or a partial result."""


async def understood(utterance: Utterance, judge: Judge, *, again: bool) -> Judged:
    """What was said and meant.  ``again``: what cannot be acted on is listened to once more, and the surer counts.

    Raises RecogniserError.
    """
    first = await judge(await utterance.decode(), True)
    if first.complete or not again:
        return first
    try:
        transcript = await utterance.again()
    except RecogniserError:  # what was heard first holds
        return first
    if transcript is None:
        return first
    second = await judge(transcript, True)
    spent_ms = first.understood_ms + second.understood_ms
    return replace(max(first, second, key=_sure), understood_ms=spent_ms)


def _sure(judged: Judged) -> tuple[bool, float]:
    """Whether it can be acted on, and how sure its meaning is; one that nobody answers is none."""
    intent = judged.intent
    return judged.complete, 0.0 if intent is None or intent.name == OUT_OF_SCOPE else intent.confidence


@dataclass
class Hearing:
    """One utterance on its way through the recogniser."""

    utterance: Utterance
    judge: Judge
    again: bool
    log: Log
    fed: int
    first: int = 0
    crc: int = 0
    empty: list[int] = field(default_factory=list)
    stretch: Stretch = Stretch()
    task: asyncio.Task[Judged] | None = None
    began: float = 0.0
    decode_s: float = 0.0
    partial: asyncio.Task[Judged | None] | None = None
    urgent: Judged | None = field(default=None)

    def begin(self, frame: int) -> None:
        """Decode all that was fed until now."""
        frames = (self.first * FRAME_S, self.fed * FRAME_S)
        self.stretch = Stretch(*frames, f"{self.crc:08x}", runs(self.empty))
        self.began = asyncio.get_running_loop().time()
        self.log.decodes.append([frame, None])
        self.task = asyncio.create_task(self.decode())

    def done(self, frame: int) -> None:
        """The result is there."""
        latest = self.log.decodes[-1]
        if latest[1] is None:
            latest[1] = frame - (latest[0] or 0)

    async def decode(self) -> Judged:
        loop = asyncio.get_running_loop()
        start = loop.time()
        judged = await understood(self.utterance, self.judge, again=self.again)
        self.decode_s = loop.time() - start - judged.understood_ms / 1000
        return judged

    async def glance(self) -> Judged | None:
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
