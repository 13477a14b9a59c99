"""`ivr bench pauses`: callers cut off at a pause inside a question, and the wait after a whole one.

Held-out questions are spoken by voices other than the service's, over A-law, whole and broken off inside.  The
listener runs in virtual time (``ivr.core.virtual_time``), with a fixed duration for each decode.  One long silence
measures both: a listener that ends the turn after 0.7 s makes a finished caller wait 0.7 s, and cuts off a caller who
pauses longer inside a question.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ivr.call.audio.end_of_turn import EndOfTurnPolicy
from ivr.call.audio.listener import Listener
from ivr.call.audio.turn_detector import FRAME_S
from ivr.content.bundle import Content
from ivr.content.heldout import HeldOutQuestion
from ivr.core.audio import add_noise, frames, silence, through_g711, to_floats
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES
from ivr.core.virtual_time import VirtualLoop
from ivr.evaluation import speech
from ivr.evaluation.replay.audio_replay import Prompt, RecordedVoice, ReplayInterpreter, ReplayRecogniser
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.evaluation.replay.recording import CallRecording
from ivr.evaluation.scores import share
from ivr.nlu.serving import serving
from ivr.reporting.percentiles import Percentiles

QUICK_S, WELL_S, AGAIN_S = 0.27, 0.20, 0.38
"""Seconds that a quick decode, a full one after it and a second one take in a call (docs/speech.md)."""
BEFORE_S, AFTER_S = 0.5, 2.0
BREAKS = 2
"""Places at which each question is broken off."""
INSIDE = (0.2, 0.7)
"""Range of these places, as shares of the question's length."""
NEAR = 8
"""Frames to either side of a place; the quietest lies between two words or syllables and is taken."""
PAUSES_S = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)


@dataclass(frozen=True)
class PauseRow:
    """The result for one kind of line.

    questions, breaks: number of whole questions, and of questions broken off.
    wait_s: seconds of silence after a whole question until its turn ends.
    cut_off: share (0 to 1) of callers who are cut off, by the length of their pause in seconds.
    """

    line: str
    questions: int
    breaks: int
    wait_s: Percentiles
    cut_off: dict[float, float]


def run(settings: Settings, count: int, *, as_json: bool) -> int:
    """Measure ``count`` questions per language, and print a row for each kind of line.

    as_json: print JSON lines.
    Returns 0.  Raises SetupError when a model is not installed, ConfigError when the content has errors.
    """
    questions = speech.sample(settings, count, LANGUAGES)
    with serving(settings), ReplayEngines.load(settings, LANGUAGES) as engines:
        for row in rows(settings, questions, engines, EndOfTurnPolicy()):
            sys.stdout.write(f"{json.dumps(asdict(row)) if as_json else _text(row)}\n")
    return 0


def rows(
    settings: Settings,
    questions: Sequence[HeldOutQuestion],
    engines: ReplayEngines,
    policy: EndOfTurnPolicy,
) -> Iterator[PauseRow]:
    """Yield a row for each kind of line.

    policy: how long the listener waits in a pause; engines: today's recogniser and intents.
    """
    content = Content.load(settings)
    for noise in speech.NOISES:
        ends: list[float] = []
        inside: list[float] = []
        for question in questions:
            pcm = speech.said(settings, question)
            listener = _Listener(content, engines, question.lang, policy)
            ends.append(listener.silence_s(_line(pcm, noise)))
            inside += [listener.silence_s(_line(part, noise)) for part in _broken(pcm, question.text)]
        cut_off = {pause: round(share(ended < pause for ended in inside), 4) for pause in PAUSES_S}
        yield PauseRow(speech.line(noise), len(ends), len(inside), Percentiles.of(ends), cut_off)


def _line(pcm: bytes, noise_db: float | None) -> bytes:
    """Return ``pcm`` as it arrives, with silence around it and noise throughout."""
    whole = silence(BEFORE_S) + pcm + silence(AFTER_S)
    return through_g711(whole if noise_db is None else add_noise(whole, noise_db, seed=1))


def _broken(pcm: bytes, text: str) -> Iterator[bytes]:
    """Yield the question up to random places, which depend on its text alone."""
    parts = list(frames(pcm))
    loud = [float(np.abs(to_floats(frame)).mean()) for frame in parts]
    draw = random.Random(text)
    for _ in range(BREAKS):
        about = round(draw.uniform(*INSIDE) * len(parts))
        near = range(max(1, about - NEAR), min(len(parts), about + NEAR))
        yield b"".join(parts[: min(near, key=loud.__getitem__)])


class _Listener:
    """The service's listener, with a caller who says one thing and then nothing."""

    def __init__(self, content: Content, engines: ReplayEngines, lang: str, policy: EndOfTurnPolicy) -> None:
        self._content, self._engines, self._lang, self._policy = content, engines, lang, policy

    def silence_s(self, pcm: bytes) -> float:
        """Return the seconds from the last voiced frame to the end of the turn; ``AFTER_S`` if it does not end."""
        with asyncio.Runner(loop_factory=VirtualLoop) as own:
            return own.run(self._listen(CallRecording(list(frames(pcm)))))

    async def _listen(self, sound: CallRecording) -> float:
        recogniser = ReplayRecogniser(self._engines, QUICK_S, well_s=WELL_S, again_s=AGAIN_S)
        interpreter = ReplayInterpreter(self._engines, self._content, self._lang)
        listener = Listener(RecordedVoice(sound.voice), recogniser, Prompt())
        listening = asyncio.create_task(
            listener.listen(
                (self._lang,), interpreter, self._policy, question=True,
                hotwords=self._content.faq.hotwords(self._lang),
            )
        )  # fmt: skip
        for frame in sound.frames:
            listener.hear(frame)
            await asyncio.sleep(FRAME_S)
            if listening.done():
                break
        listening.cancel()
        caught = None if not listening.done() else listening.result()
        return AFTER_S if caught is None else round(caught.trace.until * FRAME_S - caught.end_s, 2)


def _text(row: PauseRow) -> str:
    cut = ", ".join(f"{pause} s {share:.1%}" for pause, share in row.cut_off.items())
    return (
        f"{row.line:6} silence after {row.questions} questions until it is our turn: {row.wait_s}\n"
        f"{'':6} cut off of {row.breaks} who pause for {cut}"
    )
