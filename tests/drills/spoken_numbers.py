"""Measures how many spoken telephone numbers the recogniser understands over a telephone line.

``python -m tests.drills.spoken_numbers [COUNT] [LANG ...]`` speaks COUNT numbers (default 10) in each language
(default fr, en), with voices other than the service's, through A-law.  It prints what was heard, and the share.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable

from ivr.call.dialogue import number_words
from ivr.content.callflow import phone_numbers
from ivr.core.audio import read_audio, silence, through_g711
from ivr.core.settings import load
from ivr.speech.caller_voices import caller_wav
from ivr.speech.engines import choose
from ivr.speech.stt import Recogniser
from tests.conftest import ROOT

VOICES = {"fr": ("ff_siwis", "low"), "en": ("am_michael", "bf_emma")}


def french(rng: random.Random) -> tuple[str, str]:
    """A French mobile number and its spoken form in pairs of digits."""
    pairs = ["06", *(f"{rng.randrange(100):02d}" for _ in range(4))]
    said = ", ".join(
        " ".join(number_words.DIGITS["fr"][int(one)] for one in pair) if pair[0] == "0" else pair
        for pair in pairs
    )
    return "".join(pairs), f"{said}."


def english(rng: random.Random) -> tuple[str, str]:
    """A British mobile number and its spoken form digit by digit, with "oh" and "double"."""
    groups = ("07" + f"{rng.randrange(1000):03d}", f"{rng.randrange(1000):03d}", f"{rng.randrange(1000):03d}")
    return "".join(groups), f"{', '.join(_digits(group) for group in groups)}."


def _digits(group: str) -> str:
    words, index = [], 0
    while index < len(group):
        twice = group[index : index + 2] == group[index] * 2
        word = "oh" if group[index] == "0" else number_words.DIGITS["en"][int(group[index])]
        words.append(f"double {word}" if twice else word)
        index += 1 + twice
    return " ".join(words)


SPEAKERS: dict[str, Callable[[random.Random], tuple[str, str]]] = {"fr": french, "en": english}


def _one(lang: str, rng: random.Random) -> tuple[str, str]:
    """The next valid number."""
    while True:
        wanted, said = SPEAKERS[lang](rng)
        if phone_numbers.e164(wanted, [phone_numbers.HOME[lang]]):
            return wanted, said


async def understood(recogniser: Recogniser, lang: str, said: str, voice: str) -> tuple[str, str]:
    """Recognise ``said`` in the voice ``voice``; returns the text and the number in it (``+33...``)."""
    utterance = recogniser.utterance([lang])
    utterance.feed(through_g711(silence(0.3) + read_audio(caller_wav(lang, said, voice)) + silence(0.8)))
    text = (await utterance.decode()).text
    return text, phone_numbers.e164(number_words.said(text, lang), [phone_numbers.HOME[lang]])


async def main(count: int, langs: list[str]) -> None:
    """Speak, recognise and print all numbers."""
    recogniser = await asyncio.to_thread(choose, load(root=ROOT), langs, "")
    for lang in langs:
        rng, right = random.Random(1), 0
        for number in range(count):
            wanted, said = _one(lang, rng)
            text, found = await understood(recogniser, lang, said, VOICES[lang][number % 2])
            fits = found == phone_numbers.e164(wanted, [phone_numbers.HOME[lang]])
            right += fits
            sys.stdout.write(f"{lang} {'right' if fits else 'WRONG'} {wanted} -> {found or '-'} ({text})\n")
        sys.stdout.write(f"{lang}: {right} of {count} understood ({recogniser.name})\n")
    await recogniser.close()


if __name__ == "__main__":
    asked = sys.argv[1:]
    asyncio.run(main(int(asked[0]) if asked else 10, asked[1:] or ["fr", "en"]))
