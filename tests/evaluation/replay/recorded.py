"""Records calls without a telephone: a whole Session in virtual time, its events, and the audio of its listener.

``Memory`` is a recogniser that knows only the bytes that were decoded in that call.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ivr.call.audio.listener import Listener
from ivr.call.dependencies import CallDependencies
from ivr.content.bundle import Content
from ivr.core import events
from ivr.core.audio import FRAME_BYTES, silence, write_wav
from ivr.core.settings import Settings
from ivr.evaluation.replay import call_replay
from ivr.evaluation.replay.call_history import CallHistory, read
from ivr.evaluation.replay.diff import ReplayReport
from ivr.evaluation.replay.engines import ReplayEngines
from ivr.evaluation.replay.recording import AHEAD
from ivr.nlu.client import HttpClassifier
from ivr.speech.stt import Transcript
from ivr.store import audio_capture, recordings
from ivr.store.audio_capture import AudioCapture
from tests.call.dialogue.scripted import LANGS, make_content
from tests.call.harness import MEANINGS, CallHarness, Dictation, call_harness
from tests.fakes.asterisk import FakeChannel
from tests.fakes.rasa import FakeRasa

Script = Callable[[CallHarness], Awaitable[None]]


def sum_of(pcm: bytes) -> str:
    return hashlib.sha256(pcm).hexdigest()


class Memory:
    """A recogniser that knows the text of some audio, and returns ``otherwise`` for any other.

    quick, again: texts of a quick decode and of a second one, empty for none.
    """

    name = "memory"
    languages = frozenset(LANGS)

    def __init__(self, known: dict[str, tuple[str, str]], otherwise: str = "") -> None:
        self.known, self.otherwise = known, otherwise
        self.missed = 0
        self.quick = self.again = ""

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Memory.Line:
        return Memory.Line(self, langs)

    async def close(self) -> None:
        pass

    class Line:
        """One utterance."""

        def __init__(self, memory: Memory, langs: Sequence[str]) -> None:
            self._memory, self._langs, self._pcm = memory, langs, b""

        def feed(self, pcm: bytes) -> None:
            self._pcm += pcm

        async def partial(self) -> Transcript | None:
            return None

        async def quick(self) -> Transcript | None:
            return self._heard_otherwise(self._memory.quick)

        async def decode(self) -> Transcript:
            memory = self._memory
            text, lang = memory.known.get(sum_of(self._pcm), (memory.otherwise, self._langs[0]))
            memory.missed += sum_of(self._pcm) not in memory.known
            return Transcript(text, 0.9 if text else 0.0, lang, memory.name)

        async def again(self) -> Transcript | None:
            return self._heard_otherwise(self._memory.again)

        def _heard_otherwise(self, text: str) -> Transcript | None:
            return Transcript(text, 0.9, self._langs[0], self._memory.name) if text else None


@dataclass
class Recorded:
    """One call: its events, its recording, and the text of each piece of audio that was decoded."""

    history: CallHistory
    happened: list[events.Stamped]
    recording: Path
    known: dict[str, tuple[str, str]] = field(default_factory=dict)

    def memory(self) -> Memory:
        """Return a recogniser that hears what was heard in the call."""
        return Memory(dict(self.known))

    def replay(
        self,
        recogniser: Memory | None = None,
        at: Content | None = None,
        meanings: dict[str, str] | None = None,
    ) -> list[ReplayReport]:
        """Replay the call, by default with the parts of the call; run it in a thread."""
        with (
            understanding(meanings or MEANINGS) as asked,
            ReplayEngines(recogniser or self.memory(), asked) as engines,
        ):
            return call_replay.replay(self.history, self.recording, at or make_content(), engines)


@contextmanager
def understanding(meanings: dict[str, str]) -> Iterator[HttpClassifier]:
    """Yield a client of a Rasa that knows some sentences and runs in its own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    rasa = FakeRasa(meanings)
    asyncio.run_coroutine_threadsafe(rasa.__aenter__(), loop).result()
    try:
        yield HttpClassifier(rasa.url)
    finally:
        asyncio.run_coroutine_threadsafe(rasa.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def record(
    folder: Path,
    script: Script,
    patch: pytest.MonkeyPatch,
    *args: str,
    lang: str = "",
    capture: bool = True,
    slow: Sequence[float] = (),
    at: Content | None = None,
    number: str = "softphone",
) -> Recorded:
    """Return a call that follows ``script``, as the service stores it.

    capture: with the audio that the listener received; slow: seconds added to the first decodes.
    at: content other than the usual one; number: the caller's.
    """
    late = iter(slow)
    heard = bytearray()
    known: dict[str, tuple[str, str]] = {}
    hear = Listener.hear

    def tapped(listener: Listener, pcm: bytes) -> None:
        heard.extend(pcm)
        hear(listener, pcm)

    class Told(Dictation.Line):
        """Hears what the test sets, and remembers the text of each piece of audio."""

        def feed(self, pcm: bytes) -> None:
            self.pcm = getattr(self, "pcm", b"") + pcm

        async def decode(self) -> Transcript:
            pcm = self.pcm
            await asyncio.sleep(next(late, 0.0))
            transcript = await super().decode()
            known[sum_of(pcm)] = (transcript.text, transcript.lang)
            return transcript

    dependencies, settings = CallHarness.dependencies, Settings(root=folder, var=folder / "var", instance="t")

    def capturing(here: CallHarness, *parts: Any) -> CallDependencies:
        made = dependencies(here, *parts)
        return replace(made, open_capture=partial(AudioCapture, settings), content=at or made.content)

    shown = FakeChannel.json

    def numbered(channel: FakeChannel) -> dict[str, object]:
        return shown(channel) | {"caller": {"name": "", "number": number}}

    patch.setattr(FakeChannel, "json", numbered)
    patch.setattr(CallHarness, "dependencies", capturing)
    patch.setattr(Listener, "hear", tapped)
    patch.setattr(Dictation, "Line", Told)
    async with call_harness(folder, *args, lang=lang) as here:
        await script(here)
        await here.over()
        happened = list(here.noted)
    patch.undo()
    recording = folder / "recording.wav"
    caller = silence(AHEAD * 0.02) + bytes(heard[: len(heard) // FRAME_BYTES * FRAME_BYTES])
    stereo = b"".join(caller[at : at + 2] + b"\0\0" for at in range(0, len(caller), 2))
    write_wav(recording, stereo, channels=2)
    listener = audio_capture.join(settings, happened[0].call_id, recording)
    recordings.forget(settings, happened[0].call_id)
    if capture:
        kept = events.RecordingKept(recording.name, 1.0, listener)
        happened.append(events.Stamped(happened[0].call_id, happened[-1].seq + 1, 0.0, kept))
    else:
        audio_capture.capture_of(recording).unlink()
    history = read(happened[0].call_id, happened)
    return Recorded(history, happened, recording, known)
