"""The Whisper recogniser that calls use.

faster-whisper's own ``transcribe`` always encodes 30 s, which takes five to ten times as long as the rest.  Callers'
questions are short.  So this module encodes a window that just holds the utterance (``ivr.speech.whisper.window``).
It finds the words with its own decoder (``ivr.speech.whisper.decoder``).  Measurements: docs/whisper.md.
"""

from __future__ import annotations

import asyncio
import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from ivr.core.audio import seconds, silence
from ivr.core.errors import EngineError, RecogniserError, UnknownModel
from ivr.speech.denoise import without_noise
from ivr.speech.mel import log_mel
from ivr.speech.priority_pool import PriorityPool
from ivr.speech.stt import Transcript, UtteranceBuffer
from ivr.speech.vad import has_speech
from ivr.speech.whisper.beam_search import Rules, likeliest
from ivr.speech.whisper.decoder import Decoder, EncodedAudio
from ivr.speech.whisper.graph import Variables
from ivr.speech.whisper.modelfile import in_8_bits, variables
from ivr.speech.whisper.vocabulary import reduced
from ivr.speech.whisper.window import BANDS, CUT, POSITIONS

TOKENS_PER_S: Final = 12
"""Twice what fast speech needs: limits the time that a repetition loop takes."""
LOOP_RATIO: Final = 2.4
"""A text that compresses better than this repeats itself (the value in OpenAI's own ``transcribe``)."""
NEVER_RIGHT: Final = -1.0
"""Below this mean log-probability no transcript was right (711 utterances of real callers)."""
NO_SPEECH: Final = 0.6
"""Above this probability that nobody spoke, a text with less than half of ``NEVER_RIGHT`` is dropped."""

FAVOUR: Final = 3.0
"""The weight of the language offered first.  480 spoken questions, half of them noisy, with five languages: 94.6 % in
the right language without it, 95.8 % when the favoured language was spoken, 94.2 % when another one was."""

BEAM: Final = 5
"""Texts that grow side by side.  With fewer, more words are wrong."""
QUICK_BEAM: Final = 1
"""Texts of a quick reading.  It takes less time than five and mostly finds the same words (docs/speech.md)."""

WORKERS: Final = 2
"""Threads, each with a decode of its own.  One decode on two threads is slower than on one."""

T = TypeVar("T")


class Rank(IntEnum):
    """Which decode comes first when all threads are busy: first readings before better ones."""

    FIRST = 0
    WELL = 1
    AGAIN = 2


@dataclass(frozen=True)
class Encoded:
    """An encoded utterance, its language and its length.  ``audio`` is None when it contains no speech."""

    lang: str
    audio: EncodedAudio | None = None
    speech_s: float = 0.0


class Whisper:
    """A ``Recogniser`` (``ivr.speech.stt``) that all calls share.

    model: folder of a Whisper model in CTranslate2's form.
    langs: languages that it is asked for, such as ``fr``.
    root: folder of the checkout, whose content decides which tokens are kept (``ivr.speech.whisper.vocabulary``).

    Raises RecogniserError when the folder holds no model, UnknownModel when this code cannot read the model.
    """

    name = "whisper"

    def __init__(self, model: Path, langs: Sequence[str], root: Path) -> None:
        if not (model / "model.bin").is_file():
            raise RecogniserError(f"no Whisper model in {model}: run `ivr models pull`")
        self.languages = frozenset(langs)
        files, self._decoder = _load(model, root)
        self._whisper = WhisperModel(
            str(model), device="cpu", compute_type="int8", cpu_threads=1, num_workers=WORKERS, files=files
        )
        self._workers = PriorityPool(WORKERS, "whisper")
        self._rules = lru_cache(maxsize=64)(partial(rules, self._whisper, self._decoder))
        self._warm_up(langs[0])

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> WhisperUtterance:
        """Start an utterance.  langs: the languages that compete.  hotwords: names that may be said."""
        return WhisperUtterance(self, tuple(langs), hotwords)

    async def close(self) -> None:
        """Wait for running decodes and end the threads."""
        await asyncio.to_thread(self._workers.close)

    async def in_thread(self, rank: Rank, work: Callable[..., T], *given: Any) -> T:
        """Call ``work(*given)`` in one of the engine's threads, and return its result.

        Raises RecogniserError when the engine fails.
        """
        try:
            return await asyncio.wrap_future(self._workers.submit(rank, work, *given))
        except (EngineError, RuntimeError, ValueError) as error:  # CTranslate2 raises the latter two
            raise RecogniserError(f"Whisper: {error}") from error

    def decode_now(self, pcm: bytes, langs: tuple[str, ...], hotwords: str = "") -> Transcript:
        """Decode an utterance; blocks for 0.2 to 0.5 s.

        pcm: slin16 at 16 kHz, at most 30 s.
        langs, hotwords: as in ``utterance``.

        Raises EngineError, or CTranslate2's RuntimeError or ValueError, when the engine fails.
        """
        return self.read(self.encode(pcm, langs), hotwords)

    def encode(self, pcm: bytes, langs: tuple[str, ...]) -> Encoded:
        """Encode an utterance, the first half of ``decode_now``; blocks for 0.1 to 0.2 s."""
        if not has_speech(pcm):
            return Encoded(langs[0])
        sound = self._whisper.encode(CUT.features(log_mel, pcm))
        audio = self._decoder.hear(np.asarray(sound)[0])
        return Encoded(self._language(audio, langs), audio, seconds(pcm))

    def read(self, encoded: Encoded, hotwords: str = "", beam: int = BEAM) -> Transcript:
        """Find the words, the second half of ``decode_now``.

        hotwords: as in ``utterance``.
        beam: number of texts that grow side by side.

        Raises EngineError when the decoder fails.
        """
        nothing = Transcript("", 0.0, encoded.lang, self.name)
        if encoded.audio is None:
            return nothing
        tokenizer, allowed = self._rules(encoded.lang, hotwords)
        longest = min(12 + int(encoded.speech_s * TOKENS_PER_S), self._decoder.longest - len(allowed.prompt))
        find = partial(likeliest, self._decoder, encoded.audio, allowed, beam, longest)
        found = find()
        text = tokenizer.decode(found.tokens).strip()
        if loops(text):
            found = find(repeats=False)
            text = tokenizer.decode(found.tokens).strip()
        logprob = found.score / (len(found.tokens) + 1)  # the end counts, as in OpenAI's own
        if logprob < NEVER_RIGHT or (found.no_speech > NO_SPEECH and logprob < NEVER_RIGHT / 2):
            return nothing
        return replace(nothing, text=once(text), confidence=confidence(logprob) if text else 0.0)

    def _warm_up(self, lang: str) -> None:
        """Run the first decode, which takes half as long again, before a caller waits for it.

        It skips the check for speech, because it decodes silence.
        """
        sound = self._whisper.encode(CUT.features(log_mel, silence(1.0)))
        self.read(Encoded(lang, self._decoder.hear(np.asarray(sound)[0]), 1.0))

    def _language(self, audio: EncodedAudio, langs: tuple[str, ...]) -> str:
        """Return the most probable of the languages offered; other languages do not compete."""
        if len(langs) == 1:
            return langs[0]
        tokens = {self._token(f"<|{lang}|>"): lang for lang in langs}
        found = self._decoder.likeliest(audio, self._token("<|startoftranscript|>"), list(tokens))
        return favoured({tokens[token]: p for token, p in found.items()}, langs)

    def _token(self, name: str) -> int:
        return int(self._whisper.hf_tokenizer.token_to_id(name))


class WhisperUtterance:
    """An ``Utterance`` (``ivr.speech.stt``): its audio, and the last results with the length they were made of."""

    def __init__(self, engine: Whisper, langs: tuple[str, ...], hotwords: str) -> None:
        self._engine = engine
        self._langs = langs
        self._hotwords = hotwords
        self._buffer = UtteranceBuffer()
        self._encoded: tuple[int, Encoded] | None = None
        self._latest: tuple[int, Transcript] | None = None

    def feed(self, pcm: bytes) -> None:
        """Add slin16 at 16 kHz."""
        self._buffer.add(pcm)

    async def partial(self) -> Transcript | None:
        """None: Whisper does not stream."""
        return None

    async def quick(self) -> Transcript | None:
        """Decode everything so far with a single text (greedy search).  Raises RecogniserError."""
        return await self._engine.in_thread(Rank.FIRST, self._read, self._buffer.pcm(), QUICK_BEAM)

    async def decode(self) -> Transcript:
        """Decode everything so far; free when nothing was fed since the last time.  Raises RecogniserError."""
        pcm = self._buffer.pcm()
        if self._latest is None or self._latest[0] != len(pcm):
            rank = Rank.FIRST if self._known(pcm) is None else Rank.WELL
            transcript = await self._engine.in_thread(rank, self._read, pcm, BEAM)
            self._latest = (len(pcm), transcript)
        return self._latest[1]

    async def again(self) -> Transcript:
        """Decode everything so far with its noise removed.  Raises RecogniserError."""
        pcm = await asyncio.to_thread(without_noise, self._buffer.pcm())
        decode = self._engine.decode_now
        return await self._engine.in_thread(Rank.AGAIN, decode, pcm, self._langs, self._hotwords)

    def _read(self, pcm: bytes, beam: int) -> Transcript:
        """Decode in the engine's thread; encodes only when audio came since the last reading."""
        encoded = self._known(pcm)
        if encoded is None:
            encoded = self._engine.encode(pcm, self._langs)
            self._encoded = (len(pcm), encoded)
        return self._engine.read(encoded, self._hotwords, beam)

    def _known(self, pcm: bytes) -> Encoded | None:
        """Return the encoded audio, if it is that of everything so far."""
        known = self._encoded  # read once: an abandoned reading may replace it from another thread
        return known[1] if known is not None and known[0] == len(pcm) else None


def _load(model: Path, root: Path) -> tuple[dict[str, bytes], Decoder]:
    """Return the model's files, changed for our tokens and window, and its decoder.

    Raises UnknownModel when the model has a shape that this code cannot read.
    """
    try:
        files = reduced(model, root, {POSITIONS: CUT.order()})
        found = variables(files["model.bin"])
        _check(found)
        decoder = Decoder(found)
        files["model.bin"] = in_8_bits(files["model.bin"], _is_encoder_matrix)
        return files, decoder
    except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
        raise UnknownModel(
            f"the Whisper model in {model} has an unknown shape ({error}): run `ivr models pull`"
        ) from error


def _check(found: Variables) -> None:
    """Raise ValueError when this code would load the variables but misread them."""
    bands = found["encoder/conv1/weight"].shape[1]
    if bands != BANDS:
        raise ValueError(f"it takes {bands} features, not {BANDS}")
    for name, values in found.items():
        if name.endswith("/weight") and values.dtype.kind != "f":
            raise ValueError(f"{name} is quantised")


def _is_encoder_matrix(name: str) -> bool:
    return name.startswith("encoder/layer_") and name.endswith("/weight")


def rules(model: WhisperModel, decoder: Decoder, lang: str, hotwords: str) -> tuple[Tokenizer, Rules]:
    """Return the tokenizer of a language, and the rules for its texts.

    model, decoder: the same model in both forms.
    hotwords: names that may be said; they go into the prompt.
    """
    tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=lang)
    prompt = model.get_prompt(tokenizer, [], without_timestamps=True, hotwords=hotwords or None)
    never = get_suppressed_tokens(tokenizer, [-1])
    return tokenizer, Rules(
        prompt, prompt.index(tokenizer.sot), decoder.banned(never),
        decoder.banned((*never, *tokenizer.encode(" "), tokenizer.eot)), tokenizer.eot, tokenizer.no_speech,
    )  # fmt: skip


def favoured(probabilities: Mapping[str, float], langs: Sequence[str]) -> str:
    """Return the language that was spoken.

    probabilities: 0..1 by language.
    langs: the languages offered.  The first one is favoured: it is that of the caller's country.
    """
    return max(langs, key=lambda lang: probabilities.get(lang, 0.0) * (FAVOUR if lang == langs[0] else 1.0))


def loops(text: str) -> bool:
    """Tell whether the text repeats itself, as Whisper sometimes does."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) > LOOP_RATIO


def once(text: str) -> str:
    """Return the text; if it is one sentence two times or more, return that sentence.

    With little silence after the speech Whisper repeats the whole sentence.  Callers hardly ever do.
    """
    words = text.split()
    bare = [word.strip(".,!?¿¡").casefold() for word in words]
    for period in range(3, len(words) // 2 + 1):
        if all(word == bare[at % period] for at, word in enumerate(bare)):
            return " ".join(words[:period])
    return text


HALF: Final = -0.40
SPREAD: Final = 0.10
"""Fitted on 152 spoken questions in five languages over the telephone (docs/speech.md)."""


def confidence(logprob: float) -> float:
    """Return the probability (0..1) that at most one word in four is wrong.

    logprob: mean log-probability of the tokens.
    """
    return 1.0 / (1.0 + math.exp((HALF - logprob) / SPREAD))
