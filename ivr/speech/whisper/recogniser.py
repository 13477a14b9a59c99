"""Whisper through faster-whisper: the recogniser that is always there.

faster-whisper's own ``transcribe`` always encodes 30 s, and 30 s of encoder cost five to ten times the rest.
A caller's question is short, so this calls the same model's ``encode`` with a window that just holds the utterance
(``ivr.speech.whisper.window``), and finds the words with a decoder of its own (``ivr.speech.whisper.decoder``).
Measurements: docs/speech.md.
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
from ivr.speech.whisper.modelfile import in_8_bits, variables
from ivr.speech.whisper.vocabulary import reduced
from ivr.speech.whisper.window import CUT, POSITIONS

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
    """Speech as the decoder takes it, and its language; ``heard`` is None where nobody speaks."""

    lang: str
    heard: EncodedAudio | None = None
    speech_s: float = 0.0


class Whisper:
    """The model, shared by all calls."""

    name = "whisper"

    def __init__(self, model: Path, langs: Sequence[str], root: Path) -> None:
        """``root``: what is written there tells which tokens are needed (``ivr.speech.whisper.vocabulary``)."""
        if not (model / "model.bin").is_file():
            raise RecogniserError(f"no Whisper model in {model}: run `ivr models pull`")
        self.languages = frozenset(langs)
        files, self._decoder = _loaded(model, root)
        self._whisper = WhisperModel(
            str(model), device="cpu", compute_type="int8", cpu_threads=1, num_workers=WORKERS, files=files
        )
        self._workers = PriorityPool(WORKERS, "whisper")
        self._rules = lru_cache(maxsize=64)(partial(rules, self._whisper, self._decoder))
        self._warm_up(langs[0])

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
        except (EngineError, RuntimeError, ValueError) as error:  # the latter CTranslate2, out of memory too
            raise RecogniserError(f"Whisper: {error}") from error

    def decode_now(self, pcm: bytes, langs: tuple[str, ...], hotwords: str = "") -> Transcript:
        """Decodes slin16 of at most 30 s; blocks for 0.2 to 0.5 s."""
        return self.read(self.encode(pcm, langs), hotwords)

    def encode(self, pcm: bytes, langs: tuple[str, ...]) -> Encoded:
        """The half of the work that any reading begins with; blocks for 0.1 to 0.2 s."""
        if not has_speech(pcm):
            return Encoded(langs[0])
        sound = self._whisper.encode(CUT.features(log_mel, pcm))
        heard = self._decoder.hear(np.asarray(sound)[0])
        return Encoded(self._language(heard, langs), heard, seconds(pcm))

    def read(self, encoded: Encoded, hotwords: str = "", beam: int = BEAM) -> Transcript:
        """The other half: the likeliest text, ``beam`` texts followed side by side."""
        nothing = Transcript("", 0.0, encoded.lang, self.name)
        if encoded.heard is None:
            return nothing
        tokenizer, allowed = self._rules(encoded.lang, hotwords)
        longest = min(12 + int(encoded.speech_s * TOKENS_PER_S), self._decoder.longest - len(allowed.prompt))
        find = partial(likeliest, self._decoder, encoded.heard, allowed, beam, longest)
        found = find()
        text = tokenizer.decode(found.tokens).strip()
        if loops(text):
            found = find(repeats=False)
            text = tokenizer.decode(found.tokens).strip()
        logprob = found.score / (len(found.tokens) + 1)  # the end counts, as in OpenAI's figure
        if logprob < NEVER_RIGHT or (found.no_speech > NO_SPEECH and logprob < NEVER_RIGHT / 2):
            return nothing
        return replace(nothing, text=once(text), confidence=confidence(logprob) if text else 0.0)

    def _warm_up(self, lang: str) -> None:
        """A first decode takes half as long again: no caller waits for it.  Of silence nothing is decoded else."""
        sound = self._whisper.encode(CUT.features(log_mel, silence(1.0)))
        self.read(Encoded(lang, self._decoder.hear(np.asarray(sound)[0]), 1.0))

    def _language(self, heard: EncodedAudio, langs: tuple[str, ...]) -> str:
        """The likeliest of the languages offered; the others do not compete."""
        if len(langs) == 1:
            return langs[0]
        tokens = {self._token(f"<|{lang}|>"): lang for lang in langs}
        found = self._decoder.likeliest(heard, self._token("<|startoftranscript|>"), list(tokens))
        return favoured({tokens[token]: p for token, p in found.items()}, langs)

    def _token(self, name: str) -> int:
        return int(self._whisper.hf_tokenizer.token_to_id(name))


class WhisperUtterance:
    """One utterance: a tape, and what was last made of it."""

    def __init__(self, engine: Whisper, langs: tuple[str, ...], hotwords: str) -> None:
        self._engine = engine
        self._langs = langs
        self._hotwords = hotwords
        self._tape = UtteranceBuffer()
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


def _loaded(model: Path, root: Path) -> tuple[dict[str, bytes], Decoder]:
    """The model's files with the tokens that are needed and for the window that is used, and its decoder.

    Raises UnknownModel.
    """
    try:
        files = reduced(model, root, {POSITIONS: CUT.order()})
        decoder = Decoder(variables(files["model.bin"]))
        files["model.bin"] = in_8_bits(files["model.bin"], _encodes)
        return files, decoder
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise UnknownModel(
            f"the Whisper model in {model} has an unknown shape ({error}): run `ivr models pull`"
        ) from error


def _encodes(name: str) -> bool:
    """Whether it is the matrix of a layer of the encoder."""
    return name.startswith("encoder/layer_") and name.endswith("/weight")


def rules(model: WhisperModel, decoder: Decoder, lang: str, hotwords: str) -> tuple[Tokenizer, Rules]:
    """What spells a language, and what a text in it may be like."""
    tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=lang)
    prompt = model.get_prompt(tokenizer, [], without_timestamps=True, hotwords=hotwords or None)
    never = get_suppressed_tokens(tokenizer, [-1])
    return tokenizer, Rules(
        prompt, prompt.index(tokenizer.sot), decoder.banned(never),
        decoder.banned((*never, *tokenizer.encode(" "), tokenizer.eot)), tokenizer.eot, tokenizer.no_speech,
    )  # fmt: skip


def favoured(probabilities: Mapping[str, float], langs: Sequence[str]) -> str:
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
