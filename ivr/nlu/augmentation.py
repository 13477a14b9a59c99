"""`ivr content hear`: speaks examples, sends them through the telephone codec, and stores the transcripts.

The voices are not those of the spoken test questions (``ivr eval speech``): what the model learns here must help with
other voices.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from ivr.content import augmented, heldout
from ivr.content.augmented import Misheard
from ivr.content.faq import Faq, load_faq
from ivr.core.audio import add_noise, read_audio, through_g711
from ivr.core.settings import Settings
from ivr.core.text import LANGUAGES, normalise
from ivr.speech.caller_voices import caller_wav
from ivr.speech.engines import choose
from ivr.speech.stt import Recogniser
from ivr.speech.stt_cached import CachedRecogniser

TRAINERS = {
    "fr": ("low", "high", "im_nicola", "ef_dora"),
    "en": ("low", "high"),
    "es": ("low", "high", "im_nicola", "ff_siwis"),
    "de": ("high", "em_alex", "im_nicola"),
    "it": ("low", "high", "ef_dora", "em_alex"),
}
"""Voices of each language.  None of them speaks the test questions.  Those of Kokoro have an accent."""
NOISES = ("", "20", "12")
"""Signal-to-noise ratio in dB; empty: no noise."""
UNSURE = 0.25
"""Transcripts with less confidence than this are not learned: the gate does not use them either."""
ALIKE = 45.0
"""Least likeness, in percent, of the transcript to the example: below it nothing of the question is left."""
FEWEST_WORDS = 2
AT_A_TIME = 2


@dataclass(frozen=True)
class Take:
    """One example, the voice that speaks it, and the signal-to-noise ratio (a string in dB; empty: no noise)."""

    lang: str
    intent: str
    text: str
    voice: str
    noise_db: str


def run(settings: Settings, langs: Sequence[str], each: int) -> int:
    """Speak ``each`` examples of every intent and write the files of ``langs`` (empty: all); returns 0."""
    faq = load_faq(settings.root)
    for lang in langs or LANGUAGES:
        rows = asyncio.run(_hear(settings, faq, list(takes(faq, lang, each))))
        path = augmented.write(settings.root, lang, kept(rows, _taken(settings, lang)))
        sys.stderr.write(f"\n{path}\n")
    return 0


def takes(faq: Faq, lang: str, each: int) -> Iterator[Take]:
    """Yield ``each`` examples of every intent: a deterministic sample."""
    for intent in faq.intents:
        texts = [text for name, text in faq.examples(lang) if name == intent]
        for text in sorted(texts, key=_sampling_key)[:each]:
            draw = random.Random(_sampling_key(text))
            yield Take(lang, intent, text, draw.choice(TRAINERS[lang]), draw.choice(NOISES))


def _sampling_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _hear(settings: Settings, faq: Faq, wanted: Sequence[Take]) -> list[Misheard]:
    langs = sorted({take.lang for take in wanted})
    engine = await asyncio.to_thread(choose, settings, langs)
    recogniser = CachedRecogniser(engine, settings.var / "heard" / "examples.jsonl")
    rows: list[Misheard] = []
    try:
        async for row in _heard(settings, faq, recogniser, wanted):
            rows.append(row)
    finally:
        await recogniser.close()
    return rows


async def _heard(
    settings: Settings, faq: Faq, recogniser: Recogniser, wanted: Sequence[Take]
) -> AsyncIterator[Misheard]:
    places = asyncio.Semaphore(AT_A_TIME)

    async def one(take: Take) -> Misheard | None:
        async with places:
            pcm = await asyncio.to_thread(_said, settings, take)
            noisy = add_noise(pcm, float(take.noise_db), seed=1) if take.noise_db else pcm
            utterance = recogniser.utterance([take.lang], faq.hotwords(take.lang))
            utterance.feed(through_g711(noisy))
            found = await utterance.decode()
        sure = found.confidence >= UNSURE and not set(found.text) & set("\t\n")
        return Misheard(found.text, take.intent, take.text, take.voice, take.noise_db) if sure else None

    for number, part in enumerate(asyncio.as_completed([one(take) for take in wanted]), 1):
        row = await part
        sys.stderr.write(f"\r{wanted[0].lang} {number}/{len(wanted)}")
        if row is not None:
            yield row


def _said(settings: Settings, take: Take) -> bytes:
    """The spoken example as slin16; files are kept, so that an interrupted run can continue."""
    return read_audio(caller_wav(take.lang, take.text, take.voice, settings=settings))


def _taken(settings: Settings, lang: str) -> dict[str, str]:
    """Sentences that must not be learned: examples, with their intent, and test questions, with an empty string."""
    questions, _ = heldout.read(settings.root)
    faq = load_faq(settings.root)
    examples = {normalise(text): intent for intent, text in faq.examples(lang)}
    return {**examples, **{normalise(one.text): "" for one in questions if one.lang == lang}}


def kept(rows: Collection[Misheard], taken: dict[str, str]) -> Iterator[Misheard]:
    """Yield what is worth learning: misheard, but recognisable, and no copy of a test question.

    rows: what was transcribed; taken: see ``_taken``.
    """
    questions = [text for text, intent in taken.items() if not intent]
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: row.said):
        words = normalise(row.heard)
        if words in taken or words in seen or len(words.split()) < FEWEST_WORDS:
            continue
        if fuzz.ratio(words, normalise(row.said)) < ALIKE:
            continue
        if process.extractOne(words, questions, scorer=fuzz.ratio, score_cutoff=heldout.NEAR):
            continue
        seen.add(words)
        yield row
