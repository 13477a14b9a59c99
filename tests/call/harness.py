"""A whole call in virtual time: a Session between the fake Asterisk and a fake Rasa.

Voice activity detection is Silero's and the voice is Pico's.  The recogniser is told what the caller says.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import numpy as np

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink
from ivr.call.dependencies import CallDependencies
from ivr.call.session import Session
from ivr.content.bundle import Content
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core.audio import frames, to_samples
from ivr.core.errors import RecogniserError, VoiceError
from ivr.core.events import Event, Stamped
from ivr.core.settings import Settings
from ivr.nlu.classifier import ClassifierName, IntentClassifier
from ivr.nlu.client import HttpClassifier
from ivr.nlu.fallback import FallbackClassifier
from ivr.speech import pronunciation
from ivr.speech.prompts import Prompts
from ivr.speech.stt import Transcript
from ivr.speech.tts_pico import Pico
from ivr.speech.vad import BatchedVad
from ivr.store.messages import VoicemailSpool
from tests.call.audio.telephone import until
from tests.call.dialogue.scripted import LANGS, make_content
from tests.conftest import ROOT
from tests.fakes.asterisk import PASSWORD, USER, FakeAsterisk, FakeChannel
from tests.fakes.rasa import FakeRasa

MEANINGS = {
    "what does a navigo week cost": "navigo.pass",
    "quanto costa un navigo": "navigo.pass",
    "no thank you": "no",
    "a message please": "voicemail",
    "an adviser": "human",
    "call me back please": "callback",
}
_says = {lang: pronunciation.read(ROOT, lang) for lang in LANGS}
_cache = tempfile.TemporaryDirectory(prefix="accueil-test-prompts-")


class Dictation:
    """A recogniser that hears the next sentence of ``words`` in each utterance; None: it fails.

    ``quick``, ``again``: what the quick and the second decode hear, and how many seconds they take.
    """

    name = "dictation"
    languages = frozenset(LANGS)

    def __init__(self) -> None:
        self.words: list[tuple[str, str] | None] = []
        self.quick: tuple[str, float] | None = None
        self.again: tuple[str, float] | None = None

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> Dictation.Line:
        return Dictation.Line(self.words.pop(0), self)

    async def close(self) -> None:
        pass

    class Line:
        """One utterance."""

        def __init__(self, said: tuple[str, str] | None, dictation: Dictation) -> None:
            self._said, self._dictation = said, dictation

        def feed(self, pcm: bytes) -> None:
            pass

        async def partial(self) -> Transcript | None:
            return None

        async def quick(self) -> Transcript | None:
            return await self._heard_otherwise(self._dictation.quick)

        async def decode(self) -> Transcript:
            await asyncio.sleep(0.3)
            if self._said is None:
                raise RecogniserError("the decoder broke")
            return Transcript(self._said[0], 0.9, self._said[1], "dictation")

        async def again(self) -> Transcript | None:
            return await self._heard_otherwise(self._dictation.again)

        async def _heard_otherwise(self, heard: tuple[str, float] | None) -> Transcript | None:
            if heard is None or self._said is None:
                return None
            text, seconds = heard
            await asyncio.sleep(seconds)
            return Transcript(text, 0.9, self._said[1], "dictation")


class Voice(Pico):
    """Pico, which cannot say texts with the words ``hoarse``."""

    hoarse = "(nothing)"

    def render(self, text: str, *, speed: float = 1.0) -> bytes:
        if self.hoarse in text:
            raise VoiceError("no voice")
        return super().render(text, speed=speed)


@cache
def voice(text: str, lang: str) -> bytes:
    """The text as a caller speaks it, without silence around it."""
    pcm = Pico(lang).render(text)
    loud = np.flatnonzero(np.abs(to_samples(pcm)) > 500)
    return pcm[loud[0] * 2 : loud[-1] * 2]


class CallHarness:
    """A session with its peers, and one caller."""

    def __init__(
        self, fake: FakeAsterisk, rasa: FakeRasa, local: FakeRasa, root: Path, content: Content
    ) -> None:
        self.fake, self.rasa, self.local, self.recogniser = fake, rasa, local, Dictation()
        self.noted: list[Stamped] = []
        self.voices = {lang: Voice(lang) for lang in LANGS}
        self.pending = VoicemailSpool(Settings(root=root, var=root / "var", instance="t"))
        self.office = content
        self.caller = FakeChannel("", "")
        self.wait: WaitEstimate | None = None
        self.session: asyncio.Task[None] = asyncio.create_task(asyncio.sleep(0))

    def dependencies(self, ari: Ari, link: AriLink, classifier: IntentClassifier) -> CallDependencies:
        prompts = Prompts(Path(_cache.name), self.voices, _says)
        return CallDependencies(
            ari=ari,
            link=link,
            content=self.office,
            prompts=prompts,
            classifier=classifier,
            recogniser=self.recogniser,
            voice_activity=BatchedVad(),
            voicemail=self.pending,
            append=self.noted.append,
            worker="accueil-1",
            estimate_wait=self.estimate_wait,
        )

    async def estimate_wait(self, call_id: str, lang: str, priority: int) -> WaitEstimate | None:
        """The wait that the test has set."""
        return self.wait

    # what the caller does

    async def says(self, text: str, lang: str = "en") -> None:
        """Speak in real time; the recogniser hears just that."""
        self.recogniser.words.append((text, lang))
        await self.sounds(voice(text, lang))

    async def sounds(self, pcm: bytes) -> None:
        """Make a sound."""
        for frame in frames(pcm):
            self.fake.say(self.caller, frame)
            await asyncio.sleep(0.02)

    async def menu(self) -> None:
        """Wait until the language menu has been played for a while."""
        await until(
            lambda: any(frame and any(frame) for media in self.fake.media.values() for frame in media.played)
        )
        await asyncio.sleep(2.0)

    async def hears(self, key: str) -> None:
        """Wait until the phrase or answer ``key`` has been said."""
        await until(lambda: key in self.told(), 90)

    async def records(self) -> str:
        """Wait until a message is recorded; return its name."""
        await until(lambda: bool(self.fake.recordings), 90)
        [name] = self.fake.recordings
        return name

    # what became of it

    def told(self, first: int = 0) -> list[str]:
        """The keys of what was said, in order."""
        return [item.event.key for item in self.noted[first:] if item.event.kind == "said"]  # type: ignore[attr-defined]

    def kinds(self) -> list[str]:
        """The kinds of events, without prompts and the traces for replays."""
        return [item.event.kind for item in self.noted if item.event.kind not in ("said", "listened")]

    def last(self, kind: str) -> Event:
        """The newest event of a kind."""
        return next(item.event for item in reversed(self.noted) if item.event.kind == kind)

    async def over(self) -> None:
        """Wait until the session ends."""
        await asyncio.wait_for(asyncio.shield(self.session), 90)

    def left_behind(self) -> list[str]:
        """The bridges and channels that are left, without the caller's channel."""
        return [*self.fake.bridges, *(name for name in self.fake.channels if name != self.caller.id)]


@asynccontextmanager
async def call_harness(
    root: Path, *args: str, now: str = "2026-11-24T10:00", lang: str = "", content: Content | None = None
) -> AsyncIterator[CallHarness]:
    """A caller who has just arrived, or with ``args`` comes back from the dialplan and speaks ``lang``.

    ``now``: the time at the tourist office; ``content``: what the service knows, in place of the usual content.
    """
    async with (
        FakeAsterisk() as fake,
        FakeRasa(MEANINGS) as rasa,
        FakeRasa(MEANINGS) as local,
        Ari(fake.url, USER, PASSWORD, "accueil-1") as ari,
        HttpClassifier(rasa.url) as first,
        HttpClassifier(local.url, name=ClassifierName.LOCAL) as second,
        FallbackClassifier(first, second) as classifier,
    ):
        link = AriLink(ari)
        running = asyncio.create_task(link.run())
        await link.wait_connected()
        here = CallHarness(fake, rasa, local, root, content or make_content(now))
        here.caller = fake.ring()
        arrival = await anext(aiter(link.calls()))
        if args:
            here.caller.variables["IVR_LANG"] = lang
            arrival = type(arrival)(arrival.channel, args, False, arrival.events)
        here.session = asyncio.create_task(Session(arrival, here.dependencies(ari, link, classifier)).run())
        try:
            yield here
        finally:
            for task in (here.session, running):
                task.cancel()
            await asyncio.gather(here.session, running, return_exceptions=True)
