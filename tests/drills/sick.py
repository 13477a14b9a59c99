"""A worker whose engines fail on demand: ``python -m tests.drills.sick`` takes the place of ``ivr.service.worker``.

The engines are the real ones; the file ``sick`` in the instance's state says what ails them:

fails: every decode of the recogniser is an error.  hangs: it never ends.  stuck: the next one holds up the whole
worker for ``STUCK_S``.  mute: no voice speaks; what was rendered before is all there is.

Beside it, ``tasks`` says how many asyncio tasks the worker has now.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ivr.core.errors import RecogniserError, VoiceError
from ivr.core.settings import Settings, load
from ivr.service import worker
from ivr.speech import tts
from ivr.speech.stt import Transcript, Utterance
from ivr.speech.stt_remote import RemoteRecogniser
from ivr.speech.tts import Voice

STUCK_S = 20.0
COUNTED_S = 1.0


class Chart:
    """What ails it now."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, settings: Settings) -> Chart:
        """That instance's."""
        return cls(settings.state / "sick")

    def read(self) -> str:
        """Empty: nothing."""
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_text("utf-8")
        return ""

    def write(self, what: str) -> None:
        """From now on, until it is written empty."""
        self._path.write_text(what, "utf-8") if what else self._path.unlink(missing_ok=True)


class SickUtterance:
    """One utterance of the real engine."""

    def __init__(self, well: Utterance, chart: Chart) -> None:
        self._well, self._chart = well, chart

    def feed(self, pcm: bytes) -> None:
        self._well.feed(pcm)

    async def partial(self) -> Transcript | None:
        return await self._well.partial()

    async def quick(self) -> Transcript | None:
        await self._ail()
        return await self._well.quick()

    async def decode(self) -> Transcript:
        await self._ail()
        return await self._well.decode()

    async def again(self) -> Transcript | None:
        return await self._well.again()

    async def _ail(self) -> None:
        match self._chart.read():
            case "fails":
                raise RecogniserError("the drill broke it")
            case "hangs":
                await asyncio.Event().wait()
            case "stuck":
                self._chart.write("")
                time.sleep(STUCK_S)  # noqa: ASYNC251  # that is the harm


class SickRecogniser(RemoteRecogniser):
    """The real engine, with a chart."""

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Utterance:  # type: ignore[override]
        return SickUtterance(super().utterance(langs, hotwords), Chart.of(load()))


class SickVoice:
    """The real voice, with a chart."""

    def __init__(self, well: Voice, chart: Chart) -> None:
        self.name, self.lang, self.sample_rate = well.name, well.lang, well.sample_rate
        self._well, self._chart = well, chart

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        if self._chart.read() == "mute":
            raise VoiceError("the drill broke it")
        return self._well.render(text, speed=speed)


async def _count(path: Path) -> None:
    while True:
        path.write_text(str(len(asyncio.all_tasks())), "ascii")  # noqa: ASYNC240  # one number
        await asyncio.sleep(COUNTED_S)


def main() -> int:
    """Engines are chosen as ever, and each gets the chart; tasks are counted."""
    chart = Chart.of(load())
    choose_voice = tts.choose
    worker.RemoteRecogniser = SickRecogniser  # type: ignore[attr-defined]  # in its place
    tts.choose = lambda *chosen: SickVoice(choose_voice(*chosen), chart)
    work = worker.work

    async def counted(ears: Path, settings: Settings) -> None:
        counting = asyncio.create_task(_count(settings.state / "tasks"))
        await work(ears, settings)
        counting.cancel()

    worker.work = counted
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
