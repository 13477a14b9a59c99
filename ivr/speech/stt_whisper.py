"""Whisper through faster-whisper: the recogniser that is always there.

faster-whisper's own ``transcribe`` always encodes 30 s, and 30 s of encoder cost five to ten times the rest.
A caller's question is short, so this calls the same model's ``encode`` and ``generate`` with a window that
just holds the utterance (``ivr.speech.window``).  Measurements: docs/speech.md.
"""

from __future__ import annotations

import asyncio
import logging
import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from ivr.audio import seconds
from ivr.errors import RecogniserError
from ivr.speech.noise import without_noise
from ivr.speech.stt import Tape, Transcript
from ivr.speech.vad import has_speech
from ivr.speech.vocabulary import reduced
from ivr.speech.window import CUT, POSITIONS, WHOLE
from ivr.speech.workers import Workers

log = logging.getLogger(__name__)

TOKENS_PER_S: Final = 12
"""Twice what fast speech needs: bounds the time a repetition loop can take."""
LOOP_RATIO: Final = 2.4
"""Text that compresses better than this repeats itself (the value of OpenAI's own transcribe)."""
NEVER_RIGHT: Final = -1.0
"""Below this mean log-probability a transcript was never right (711 utterances of real callers)."""
NO_SPEECH: Final = 0.6

FAVOUR: Final = 3.0
"""Where five languages competed for 480 spoken questions, half of them noisy: 94.6 % in the right language without
it, 95.8 % where the favoured one was right, 94.2 % where it was another."""

BEAM: Final = 5
"""Texts followed side by side; with fewer, more words are wrong (docs/speech.md)."""
QUICK_BEAM: Final = 1
"""Half of the time of five for the same words, mostly: good enough where it can be acted on (docs/speech.md)."""

WORKERS: Final = 2
"""Decodes side by side, one thread each: one decode on two threads is slower than on one."""

T = TypeVar("T")


class Rank(IntEnum):
    """Whose turn it is at a worker: who has not been heard at all comes before whom we try to hear better."""

    FIRST = 0
    WELL = 1
    AGAIN = 2


@dataclass(frozen=True)
class Encoded:
    """Speech as the decoder takes it, and its language; ``sound`` is None where nobody speaks."""

    lang: str
    sound: Any = None
    speech_s: float = 0.0


class Whisper:
    """The model, shared by all calls."""

    name = "whisper"

    def __init__(self, model: Path, langs: Sequence[str], root: Path) -> None:
        """``root``: what is written there tells which tokens are needed (``ivr.speech.vocabulary``)."""
        if not (model / "model.bin").is_file():
            raise RecogniserError(f"no Whisper model in {model}: run `ivr models pull`")
        self.languages = frozenset(langs)
        files = fitted(model, root)
        self._window = WHOLE if files is None else CUT
        self._whisper = WhisperModel(
            str(model), device="cpu", compute_type="int8", cpu_threads=1, num_workers=WORKERS, files=files
        )
        self._workers = Workers(WORKERS, "whisper")
        self.prompt = lru_cache(maxsize=64)(self._prompt)

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> WhisperUtterance:
        """Starts listening to one utterance."""
        return WhisperUtterance(self, tuple(langs), hotwords)

    async def close(self) -> None:
        """Waits for running decodes and ends the threads."""
        await asyncio.to_thread(self._workers.close)

    async def aside(self, rank: Rank, work: Callable[..., T], *given: Any) -> T:
        """Its result, worked out in one of the engine's threads; raises RecogniserError."""
        try:
            return await asyncio.wrap_future(self._workers.submit(rank, work, *given))
        except (RuntimeError, ValueError) as error:  # what CTranslate2 raises, and out of memory with it
            raise RecogniserError(f"Whisper: {error}") from error

    def decode_now(self, pcm: bytes, langs: tuple[str, ...], hotwords: str = "") -> Transcript:
        """Decodes slin16 of at most 30 s; blocks for 0.2 to 0.5 s."""
        return self.read(self.encode(pcm, langs), hotwords)

    def encode(self, pcm: bytes, langs: tuple[str, ...]) -> Encoded:
        """The half of the work that any reading begins with; blocks for 0.1 to 0.2 s."""
        if not has_speech(pcm):
            return Encoded(langs[0])
        sound = self._whisper.encode(self._window.features(self._whisper.feature_extractor, pcm))
        return Encoded(self._language(sound, langs), sound, seconds(pcm))

    def read(self, encoded: Encoded, hotwords: str = "", beam: int = BEAM) -> Transcript:
        """The other half: the likeliest text, ``beam`` texts followed side by side."""
        nothing = Transcript("", 0.0, encoded.lang, self.name)
        if encoded.sound is None:
            return nothing
        text, logprob, no_speech = self._generate(encoded, hotwords, beam)
        if logprob < NEVER_RIGHT or (no_speech > NO_SPEECH and logprob < NEVER_RIGHT / 2):
            return nothing
        return replace(nothing, text=text, confidence=confidence(logprob) if text else 0.0)

    def _language(self, sound: Any, langs: tuple[str, ...]) -> str:
        """The likeliest of the languages offered; the others do not compete."""
        if len(langs) == 1:
            return langs[0]
        return likeliest(
            {str(token)[2:-2]: p for token, p in self._whisper.model.detect_language(sound)[0]}, langs
        )

    def _generate(
        self, encoded: Encoded, hotwords: str, beam: int, no_repeat: int = 0
    ) -> tuple[str, float, float]:
        """Text, mean log-probability per token, probability that nobody spoke."""
        tokenizer, prompt, suppressed = self.prompt(encoded.lang, hotwords)
        longest = len(prompt) + 12 + int(encoded.speech_s * TOKENS_PER_S)
        result = self._whisper.model.generate(
            encoded.sound,
            [prompt],
            beam_size=beam,
            max_length=min(longest, self._whisper.max_length),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(suppressed),
            no_repeat_ngram_size=no_repeat,
        )[0]
        tokens = result.sequences_ids[0]
        text = tokenizer.decode(tokens).strip()
        if not no_repeat and loops(text):
            return self._generate(encoded, hotwords, beam, no_repeat=3)
        text = once(text)
        # ctranslate2 gives the score per token without the end token; OpenAI's figure counts it.
        return text, result.scores[0] * len(tokens) / (len(tokens) + 1), result.no_speech_prob

    def _prompt(self, lang: str, hotwords: str) -> tuple[Tokenizer, list[int], tuple[int, ...]]:
        tokenizer = Tokenizer(self._whisper.hf_tokenizer, True, task="transcribe", language=lang)
        prompt = self._whisper.get_prompt(tokenizer, [], without_timestamps=True, hotwords=hotwords or None)
        return tokenizer, prompt, get_suppressed_tokens(tokenizer, [-1])


class WhisperUtterance:
    """One utterance: a tape, and what was last made of it."""

    def __init__(self, engine: Whisper, langs: tuple[str, ...], hotwords: str) -> None:
        self._engine = engine
        self._langs = langs
        self._hotwords = hotwords
        self._tape = Tape()
        self._encoded: tuple[int, Encoded] | None = None
        self._latest: tuple[int, Transcript] | None = None

    def feed(self, pcm: bytes) -> None:
        """Adds slin16."""
        self._tape.add(pcm)

    async def partial(self) -> Transcript | None:
        """Whisper does not stream."""
        return None

    async def quick(self) -> Transcript | None:
        """All so far, one text followed alone (greedy)."""
        return await self._engine.aside(Rank.FIRST, self._read, self._tape.pcm(), QUICK_BEAM)

    async def decode(self) -> Transcript:
        """Decodes all so far; free where nothing was fed since the last time."""
        pcm = self._tape.pcm()
        if self._latest is None or self._latest[0] != len(pcm):
            rank = Rank.FIRST if self._known(pcm) is None else Rank.WELL
            transcript = await self._engine.aside(rank, self._read, pcm, BEAM)
            self._latest = (len(pcm), transcript)
        return self._latest[1]

    async def again(self) -> Transcript:
        """Decodes all so far without its noise."""
        pcm = await asyncio.to_thread(without_noise, self._tape.pcm())
        return await self._engine.aside(Rank.AGAIN, self._engine.decode_now, pcm, self._langs, self._hotwords)

    def _read(self, pcm: bytes, beam: int) -> Transcript:
        """In one of the engine's threads; encodes where the last reading was of less."""
        encoded = self._known(pcm)
        if encoded is None:
            encoded = self._engine.encode(pcm, self._langs)
            self._encoded = (len(pcm), encoded)
        return self._engine.read(encoded, self._hotwords, beam)

    def _known(self, pcm: bytes) -> Encoded | None:
        """What all so far was encoded to, if it was; a reading that was given up may still be at work beside us."""
        known = self._encoded
        return known[1] if known is not None and known[0] == len(pcm) else None


def fitted(model: Path, root: Path) -> dict[str, bytes] | None:
    """The model's files with the tokens that are needed and for the window that is used; None, said aloud, where they
    cannot be made: then the model as it is will do."""
    try:
        return reduced(model, root, {POSITIONS: CUT.order()})
    except (OSError, ValueError, KeyError, struct.error) as error:
        log.warning("Whisper is taken as it is, and is slower: %s", error)
        return None


def likeliest(probabilities: Mapping[str, float], langs: Sequence[str]) -> str:
    """The language that was spoken; the first offered, that of the caller's own country, is favoured."""
    return max(langs, key=lambda lang: probabilities.get(lang, 0.0) * (FAVOUR if lang == langs[0] else 1.0))


def loops(text: str) -> bool:
    """Whether the text repeats itself, as Whisper does when it loses the thread."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) > LOOP_RATIO


def once(text: str) -> str:
    """A sentence that the text says two times or more, and nothing else, is kept once.

    With little silence after the speech Whisper says all of it again; callers hardly ever do.
    """
    words = text.split()
    bare = [word.strip(".,!?¿¡").casefold() for word in words]
    for period in range(3, len(words) // 2 + 1):
        if all(word == bare[at % period] for at, word in enumerate(bare)):
            return " ".join(words[:period])
    return text


HALF: Final = -0.40
SPREAD: Final = 0.10
"""Fitted on 152 spoken questions in five languages over the phone (docs/speech.md)."""


def confidence(logprob: float) -> float:
    """The probability (0..1) that at most one word in four is wrong, from the mean log-probability."""
    return 1.0 / (1.0 + math.exp((HALF - logprob) / SPREAD))
