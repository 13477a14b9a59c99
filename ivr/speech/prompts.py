"""Prompts: phrases rendered in advance at one loudness and cached on disk.

The file name is a hash of the spoken text, the voice, the speed and the settings here.  A changed answer, voice or
pronunciation results in another file, so no prompt is ever stale.
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

RENDERING: Final = f"4 {loudness.TARGET_LUFS} {loudness.PEAK_DBFS} {loudness.LEADING_S} {loudness.TRAILING_S}"
"""Part of every hash: increase the first figure when the rendering changes."""
SLOW: Final = 0.8
"""Speed of the slow variant, for callers who ask for it."""
MEMORY_BYTES: Final = 64_000_000
"""Size of the memory cache: about half an hour of speech."""
RENDER_S: Final = 10.0
"""Seconds that a caller waits for the voice."""
NICE: Final = 10
"""Niceness of the threads that render many prompts."""

Progress = Callable[[int, int], None]
"""Called with the number of rendered prompts and the number of all prompts to render."""


def _no_progress(done: int, total: int) -> None:
    """Show no progress."""


class Prompts:
    """The cache of prompts and the voices that fill it.

    folder: where the WAV files are.
    voices, pronunciations: for each language code.

    ``slow`` selects the slow variant.  Every method raises VoiceError for a language without a voice.
    """

    def __init__(
        self, folder: Path, voices: Mapping[str, Voice], pronunciations: Mapping[str, Pronunciation]
    ) -> None:
        self._folder = folder
        self._voices = voices
        self._pronunciations = pronunciations
        self._memory = _Memory(MEMORY_BYTES)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voice")
        self._rendering: dict[Path, asyncio.Future[bytes]] = {}
        self._warmed_up = False

    def voice(self, lang: str) -> Voice:
        """Return the voice for the language code ``lang``.  Raises VoiceError where there is none."""
        if lang not in self._voices:
            raise VoiceError(f"no voice for language '{lang}'")
        return self._voices[lang]

    def pronunciation(self, lang: str) -> Pronunciation:
        """Return the pronunciations of the language code ``lang``."""
        return self._pronunciations[lang]

    def spoken(self, text: str, lang: str) -> str:
        """Return the form of ``text`` that the voice of ``lang`` reads."""
        engine = tts.engine_of(self.voice(lang))
        return self._pronunciations[lang].spoken(text, engine)

    def path(self, text: str, lang: str, *, slow: bool = False) -> Path:
        """Return the path of the WAV file of ``text`` in the language ``lang``, whether it exists or not."""
        speed = SLOW if slow else 1.0
        parts = "\n".join((self.spoken(text, lang), self.voice(lang).name, str(speed), RENDERING))
        return self._folder / f"{hashlib.sha256(parts.encode()).hexdigest()[:24]}.wav"

    def audio(self, text: str, lang: str, *, slow: bool = False) -> bytes:
        """Return a prompt as slin16 from memory or disk.

        Raises NotRendered where it is not on disk, or is damaged.
        """
        path = self.path(text, lang, slow=slow)
        pcm = self._memory.get(path.stem)
        return self._keep(path, _read(path)) if pcm is None else pcm

    async def audio_or_render(self, text: str, lang: str, *, slow: bool = False) -> bytes:
        """Return a prompt as slin16 from the cache, or render it in a thread (for texts composed during a call).

        Raises VoiceError where the voice fails, or takes too long.
        """
        path = self.path(text, lang, slow=slow)
        if (pcm := self._memory.get(path.stem)) is not None:
            return pcm
        try:
            return self._keep(path, await asyncio.to_thread(_read, path))
        except NotRendered:
            rendering = asyncio.shield(self._start_rendering(text, lang, slow))
        try:
            async with asyncio.timeout(RENDER_S):
                return await rendering
        except TimeoutError:
            raise VoiceError(f"{self.voice(lang).name} has not spoken within {RENDER_S:g} s") from None

    def _keep(self, path: Path, pcm: bytes) -> bytes:
        self._memory.put(path.stem, pcm)
        return pcm

    async def warm_up(self) -> None:
        """Render one word in each voice and discard it, the first time only.

        This loads the voices and the loudness meter.  Otherwise the first caller who needs a prompt that is not in
        the cache waits two seconds for it.
        """
        if self._warmed_up:
            return
        self._warmed_up = True
        loop = asyncio.get_running_loop()
        for lang, voice in self._voices.items():
            try:
                await loop.run_in_executor(self._thread, render, voice, self.spoken("1", lang))
            except VoiceError as error:
                log.warning("%s cannot speak: %s", voice.name, error)
            except Exception:  # calls continue without the voice, whatever its error
                log.exception("%s cannot speak", voice.name)

    def _start_rendering(self, text: str, lang: str, slow: bool) -> asyncio.Future[bytes]:
        """The rendering of a prompt, which all calls that need it at this moment share."""
        path = self.path(text, lang, slow=slow)
        if path not in self._rendering:
            loop = asyncio.get_running_loop()
            rendering = loop.run_in_executor(self._thread, self.render, text, lang, slow)
            self._rendering[path] = rendering
            rendering.add_done_callback(lambda done: self._rendered(path, done))
        return self._rendering[path]

    def _rendered(self, path: Path, done: asyncio.Future[bytes]) -> None:
        del self._rendering[path]
        if not done.cancelled():
            done.exception()  # marks it as retrieved: the waiting calls receive it

    def render(self, text: str, lang: str, slow: bool = False) -> bytes:
        """Render one prompt, store it on disk and return it as slin16.  Blocks.  Raises VoiceError."""
        pcm = render(self.voice(lang), self.spoken(text, lang), SLOW if slow else 1.0)
        write_wav(self.path(text, lang, slow=slow), pcm)
        return pcm

    def missing(self, items: Iterable[tuple[str, str]], *, slow: bool = False) -> list[tuple[str, str]]:
        """Return those (text, language) pairs of ``items`` that are not on disk, each once."""
        return [item for item in dict.fromkeys(items) if not self.path(*item, slow=slow).is_file()]

    def render_all(
        self, items: Iterable[tuple[str, str]], progress: Progress = _no_progress, *, slow: bool = False
    ) -> int:
        """Render the missing prompts on all cores at a low priority, and return their number.

        items: (text, language) pairs.
        progress: called after each prompt.
        Raises VoiceError at the first failure.
        """
        todo = self.missing(items, slow=slow)
        progress(0, len(todo))
        with ThreadPoolExecutor(os.cpu_count() or 1, "render", initializer=_lower_priority) as threads:
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
        """End the rendering thread."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)


def render(voice: Voice, spoken: str, speed: float = 1.0) -> bytes:
    """Return speech that is ready to play: slin16, trimmed, at the loudness of all prompts.

    spoken: the spoken form of the text.  speed: 1 is the voice's own speed.
    Blocks.  Raises VoiceError where there is nothing to say or the voice fails.
    """
    if not spoken.strip():
        raise VoiceError("nothing to say: the text is empty")
    pcm = resample(voice.render(spoken, speed=speed), voice.sample_rate, RATE)
    return loudness.normalise(loudness.trim(pcm))


def open_prompts(settings: Settings, langs: Iterable[str]) -> Prompts:
    """Return the prompts of an installation, and log its voices.

    langs: codes of the languages.  Raises VoiceError or ConfigError where a voice or a pronunciation is missing.
    """
    voices = {lang: tts.choose(settings, lang) for lang in langs}
    pronunciations = {lang: pronunciation.read(settings.root, lang) for lang in voices}
    log.info("Voices: %s", ", ".join(f"{lang} {voice.name}" for lang, voice in voices.items()))
    return Prompts(settings.var / "prompts", voices, pronunciations)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NotRendered(f"prompt {path.stem} is not rendered: run `ivr setup` or `ivr publish`")
    try:
        return read_audio(path)
    except AudioError as error:
        log.warning("A prompt is damaged and will be rendered again: %s", error)
        raise NotRendered(str(error)) from error


def _lower_priority() -> None:
    """Lower the priority of the current thread alone: Linux has a niceness per thread (setpriority(2))."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class _Memory:
    """The most recently used audio, at most ``limit`` bytes of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._audio: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        if key not in self._audio:
            return None
        self._audio.move_to_end(key)
        return self._audio[key]

    def put(self, key: str, pcm: bytes) -> None:
        self._size += len(pcm) - len(self._audio.pop(key, b""))
        self._audio[key] = pcm
        while self._size > self._limit and len(self._audio) > 1:
            self._size -= len(self._audio.popitem(last=False)[1])
