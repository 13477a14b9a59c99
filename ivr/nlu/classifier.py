"""Intent classification: the interface of every classifier, and what it returns.

Two classifiers serve calls.  Rasa is the normal one.  The classifier process (``ivr.service.classifier``) runs the
same trained model and takes over while Rasa does not answer.  Both are reached over HTTP (``ivr.nlu.client``), and
``ivr.nlu.fallback`` joins them.  The gate decides what to do with an intent (``ivr.nlu.gate``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.text import spoken
from ivr.speech.phonemes import UnknownLanguage, sounds

POLL_S = 0.1


class ClassifierName(StrEnum):
    """The classifiers that serve calls, as events name them."""

    RASA = "rasa"
    LOCAL = "local"


@dataclass(frozen=True)
class Intent:
    """What a question means.

    name, confidence: the best intent and its probability (0 to 1).
    ranking: every intent with its probability, the best first; they sum to about 1.
    classifier: which classifier answered; empty where none was asked.  It does not count in comparisons.
    """

    name: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    classifier: str = field(default="", compare=False)

    @classmethod
    def of(cls, ranking: Iterable[tuple[str, float]], classifier: str = "") -> Intent:
        """An intent from (name, probability) pairs in any order; out of scope where there are none."""
        ordered = tuple(sorted(ranking, key=lambda pair: -pair[1])) or ((OUT_OF_SCOPE, 1.0),)
        return cls(*ordered[0], ordered, classifier)


class IntentClassifier(Protocol):
    """A trained model that can be asked."""

    @property
    def name(self) -> str:
        """The name of the classifier in logs and events."""

    async def ready(self) -> bool:
        """Whether it has a model to answer with; never raises."""

    async def classify(self, text: str, lang: str) -> Intent:
        """The intent of a sentence.

        text: the sentence as the recogniser or a keyboard spells it; without words it is out of scope.
        lang: code of its language, which says how the words sound; one model serves all languages.
        Raises NluUnavailable where there is no answer in time.
        """


async def wait_ready(classifier: IntentClassifier, going: Callable[[], bool]) -> bool:
    """Wait until ``classifier`` has a model, while ``going()`` holds; returns whether it has one."""
    while going():
        if await classifier.ready():
            return True
        await asyncio.sleep(POLL_S)
    return False


def question(text: str, lang: str) -> str:
    """A sentence as the model is trained on it and asked: words, a bar, phonemes (``les tickets | letikɛ``).

    text: the sentence; lang: code of its language.
    Returns an empty string where the sentence has no words, and the words alone where espeak-ng does not know the
    language.
    """
    words = spoken(text)
    if not words:
        return ""
    try:
        return f"{words} | {sounds(words, lang)}"
    except UnknownLanguage:
        return words
