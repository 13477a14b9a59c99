"""A worker whose engines fail on demand; ``python -m tests.drills.faulty_worker`` replaces ``ivr.service.worker``.

The engines are the real ones.  The file ``engine-fault`` in the instance's state names the present fault:

fails: every decode of the recogniser raises an error.
hangs: no decode ends.
stuck: the next decode blocks the whole worker for ``STUCK_S`` seconds.
mute: no voice renders; only prompts rendered before can be played.

The file ``tasks`` beside it holds the number of the worker's asyncio tasks.
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


class FaultSwitch:
    """Reads and sets the present fault."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, settings: Settings) -> FaultSwitch:
        """The switch of one instance."""
        return cls(settings.state / "engine-fault")

    def read(self) -> str:
        """The present fault; empty: none."""
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_text("utf-8")
        return ""

    def write(self, what: str) -> None:
        """Set the fault; empty removes it."""
        self._path.write_text(what, "utf-8") if what else self._path.unlink(missing_ok=True)


class FaultyUtterance:
    """An utterance of the real engine that fails on demand."""

    def __init__(self, real: Utterance, switch: FaultSwitch) -> None:
        self._real, self._switch = real, switch

    def feed(self, pcm: bytes) -> None:
        self._real.feed(pcm)

    async def partial(self) -> Transcript | None:
        return await self._real.partial()

    async def quick(self) -> Transcript | None:
        await self._fail()
        return await self._real.quick()

    async def decode(self) -> Transcript:
        await self._fail()
        return await self._real.decode()

    async def again(self) -> Transcript | None:
        return await self._real.again()

    async def _fail(self) -> None:
        match self._switch.read():
            case "fails":
                raise RecogniserError("injected by the drill")
            case "hangs":
                await asyncio.Event().wait()
            case "stuck":
                self._switch.write("")
                time.sleep(STUCK_S)  # noqa: ASYNC251  # the fault itself


class FaultyRecogniser(RemoteRecogniser):
    """The real recogniser, which fails on demand."""

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Utterance:  # type: ignore[override]
        return FaultyUtterance(super().utterance(langs, hotwords), FaultSwitch.of(load()))


class FaultyVoice:
    """The real voice, which fails on demand."""

    def __init__(self, real: Voice, switch: FaultSwitch) -> None:
        self.name, self.lang, self.sample_rate = real.name, real.lang, real.sample_rate
        self._real, self._switch = real, switch

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        if self._switch.read() == "mute":
            raise VoiceError("injected by the drill")
        return self._real.render(text, speed=speed)


async def _count(path: Path) -> None:
    while True:
        path.write_text(str(len(asyncio.all_tasks())), "ascii")  # noqa: ASYNC240  # one number
        await asyncio.sleep(COUNTED_S)


def main() -> int:
    """Run the worker with faulty engines and count its tasks."""
    switch = FaultSwitch.of(load())
    choose_voice = tts.choose
    worker.RemoteRecogniser = FaultyRecogniser  # type: ignore[attr-defined]  # in its place
    tts.choose = lambda *chosen: FaultyVoice(choose_voice(*chosen), switch)
    work = worker.work

    async def counted(recogniser_path: Path, classifier_path: Path, settings: Settings) -> None:
        counting = asyncio.create_task(_count(settings.state / "tasks"))
        await work(recogniser_path, classifier_path, settings)
        counting.cancel()

    worker.work = counted
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
