"""Prompts: fixed words rendered in advance, equally loud, kept on disk under what made them.

A prompt is found by a hash of the spoken text, the voice and the settings here: a changed answer, voice or
pronunciation makes a new file, and nothing is ever stale.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from ivr.core.audio import RATE, read_audio, resample, write_wav
from ivr.core.errors import AudioError, NotRendered, VoiceError
from ivr.core.settings import Settings
from ivr.speech import loudness, pronunciation, tts
from ivr.speech.pronunciation import Pronunciation
from ivr.speech.tts import Voice

log = logging.getLogger(__name__)

MADE_BY: Final = f"4 {loudness.TARGET_LUFS} {loudness.PEAK_DBFS} {loudness.LEADING_S} {loudness.TRAILING_S}"
"""Part of every hash: count the first figure up when rendering changes."""
SLOW: Final = 0.8
"""Speed of the variant for "more slowly, please"."""
MEMORY_BYTES: Final = 64_000_000
"""Prompts kept in memory: about half an hour of speech."""
NICE: Final = 10

Progress = Callable[[int, int], None]
"""Called with how many prompts are done and how many there are."""


def _quiet(done: int, total: int) -> None:
    """No progress shown."""


class Prompts:
    """The cache, and the voices that fill it."""

    def __init__(self, folder: Path, voices: Mapping[str, Voice], says: Mapping[str, Pronunciation]) -> None:
        self._folder = folder
        self._voices = voices
        self._says = says
        self._memory = _Memory(MEMORY_BYTES)
        self._live = ThreadPoolExecutor(1, thread_name_prefix="voice")
        self._rendering: dict[Path, asyncio.Future[bytes]] = {}
        self._warm = False

    def voice(self, lang: str) -> Voice:
        """The voice in use for a language."""
        if lang not in self._voices:
            raise VoiceError(f"no voice for language '{lang}'")
        return self._voices[lang]

    def say(self, lang: str) -> Pronunciation:
        """The pronunciations of a language."""
        return self._says[lang]

    def spoken(self, text: str, lang: str) -> str:
        """What the voice is given to read."""
        engine = tts.engine_of(self.voice(lang))
        return self._says[lang].spoken(text, engine)

    def path(self, text: str, lang: str, *, slow: bool = False) -> Path:
        """The WAV file of a prompt, rendered or not."""
        speed = SLOW if slow else 1.0
        made_of = "\n".join((self.spoken(text, lang), self.voice(lang).name, str(speed), MADE_BY))
        return self._folder / f"{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.wav"

    def audio(self, text: str, lang: str, *, slow: bool = False) -> bytes:
        """The prompt as slin16 from memory or disk; raises NotRendered."""
        path = self.path(text, lang, slow=slow)
        pcm = self._memory.get(path.stem)
        if pcm is None:
            pcm = _read(path)
            self._memory.put(path.stem, pcm)
        return pcm

    async def audio_or_render(self, text: str, lang: str, *, slow: bool = False) -> bytes:
        """The prompt from the cache, or rendered now, in a thread (words made up during the call)."""
        try:
            return self.audio(text, lang, slow=slow)
        except NotRendered:
            return await asyncio.shield(self._coming(text, lang, slow))

    async def warm_up(self) -> None:
        """A word in each voice, thrown away, once: until its voice and all that measures it are loaded, the first
        caller who needs words that were not rendered would wait two seconds."""
        if self._warm:
            return
        self._warm = True
        loop = asyncio.get_running_loop()
        for lang, voice in self._voices.items():
            try:
                await loop.run_in_executor(self._live, render, voice, self.spoken("1", lang))
            except VoiceError as error:
                log.warning("%s cannot speak: %s", voice.name, error)
            except Exception:  # whatever a voice breaks with, calls go on without it
                log.exception("%s cannot speak", voice.name)

    def _coming(self, text: str, lang: str, slow: bool) -> asyncio.Future[bytes]:
        """It is rendered once, however many calls want it at this moment."""
        path = self.path(text, lang, slow=slow)
        if path not in self._rendering:
            loop = asyncio.get_running_loop()
            coming = loop.run_in_executor(self._live, self.render, text, lang, slow)
            self._rendering[path] = coming
            coming.add_done_callback(lambda done: self._came(path, done))
        return self._rendering[path]

    def _came(self, path: Path, done: asyncio.Future[bytes]) -> None:
        del self._rendering[path]
        if not done.cancelled():
            done.exception()  # those who still wait for it have it too

    def render(self, text: str, lang: str, slow: bool = False) -> bytes:
        """Renders one prompt and keeps it on disk; blocks."""
        pcm = render(self.voice(lang), self.spoken(text, lang), SLOW if slow else 1.0)
        write_wav(self.path(text, lang, slow=slow), pcm)
        return pcm

    def missing(self, items: Iterable[tuple[str, str]], *, slow: bool = False) -> list[tuple[str, str]]:
        """Those (text, language) pairs that are not on disk yet, each once."""
        return [one for one in dict.fromkeys(items) if not self.path(*one, slow=slow).is_file()]

    def render_all(
        self, items: Iterable[tuple[str, str]], progress: Progress = _quiet, *, slow: bool = False
    ) -> int:
        """Renders what is missing on all cores but politely; returns how many it rendered."""
        todo = self.missing(items, slow=slow)
        progress(0, len(todo))
        with ThreadPoolExecutor(os.cpu_count() or 1, "render", initializer=_politely) as threads:
            jobs = [threads.submit(self.render, text, lang, slow) for text, lang in todo]
            try:
                for done, job in enumerate(as_completed(jobs), 1):
                    job.result()
                    progress(done, len(todo))
            except VoiceError:
                threads.shutdown(cancel_futures=True)
                raise
        return len(todo)

    async def close(self) -> None:
        """Ends the rendering thread."""
        await asyncio.to_thread(self._live.shutdown, cancel_futures=True)


def render(voice: Voice, spoken: str, speed: float = 1.0) -> bytes:
    """Speech ready for the line: slin16, trimmed, at the common loudness."""
    if not spoken.strip():
        raise VoiceError("nothing to say: the text is empty")
    pcm = resample(voice.render(spoken, speed=speed), voice.sample_rate, RATE)
    return loudness.normalise(loudness.trim(pcm))


def open_prompts(settings: Settings, langs: Iterable[str]) -> Prompts:
    """The prompts of an installation, with the voice of each language; says which voices are in use."""
    voices = {lang: tts.choose(settings, lang) for lang in langs}
    says = {lang: pronunciation.read(settings.root, lang) for lang in voices}
    log.info("Voices: %s", ", ".join(f"{lang} {voice.name}" for lang, voice in voices.items()))
    return Prompts(settings.var / "prompts", voices, says)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NotRendered(f"prompt {path.stem} is not rendered: run `ivr setup` or `ivr publish`")
    try:
        return read_audio(path)
    except AudioError as error:
        log.warning("A prompt is damaged and will be rendered again: %s", error)
        raise NotRendered(str(error)) from error


def _politely() -> None:
    """Gives this thread alone a low priority (Linux keeps priorities by thread)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class _Memory:
    """The most recently used audio, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key: str, pcm: bytes) -> None:
        self._size += len(pcm) - len(self._kept.pop(key, b""))
        self._kept[key] = pcm
        while self._size > self._limit and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1])
