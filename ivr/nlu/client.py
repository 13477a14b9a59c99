"""Rasa over HTTP: text -> Intent.  What to do with an Intent is the gate's business (ivr/nlu/gate.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.errors import NluUnavailable
from ivr.core.text import spoken
from ivr.speech.phonemes import UnknownLanguage, sounds

PARSE_S = 2.0  # seconds a caller can wait for understanding before we say "pardon?"


@dataclass(frozen=True)
class Intent:
    """What was understood; ``ranking`` best first, confidences 0 to 1 that sum to about 1."""

    name: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, ranking: list[tuple[str, float]]) -> Intent:
        """An Intent from any order of (name, confidence)."""
        ordered = tuple(sorted(ranking, key=lambda pair: -pair[1]))
        return cls(*ordered[0], ordered) if ordered else cls(OUT_OF_SCOPE, 1.0, ((OUT_OF_SCOPE, 1.0),))


def question(text: str, lang: str) -> str:
    """A sentence as Rasa is trained on it and asked: its words and how they sound, ``les tickets | letikɛ``.

    Empty where it has no words; the words alone where espeak-ng knows no such language.
    """
    words = spoken(text)
    if not words:
        return ""
    try:
        return f"{words} | {sounds(words, lang)}"
    except UnknownLanguage:
        return words


class Understanding:
    """A connection to Rasa; use as ``async with``."""

    def __init__(self, url: str, *, timeout_s: float = PARSE_S) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False)

    async def __aenter__(self) -> Understanding:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ready(self, while_: Callable[[], bool]) -> bool:
        """Wait until Rasa has a model to answer with, for as long as ``while_`` holds; whether it has one.

        https://rasa.com/docs/rasa/pages/http-api: /status is 409 until a model is loaded.
        """
        while while_():
            if await self._answers():
                return True
            await asyncio.sleep(0.1)
        return False

    async def _answers(self) -> bool:
        try:
            return (await self._client.get("/status")).is_success
        except httpx.HTTPError:
            return False

    async def understand(self, text: str, lang: str) -> Intent:
        """The intent of ``text``; raises NluUnavailable when Rasa is away, slow or answers nonsense.

        One model serves all languages; ``lang`` says how the words sound.
        """
        asked = question(text, lang)
        if not asked:
            return Intent(OUT_OF_SCOPE, 1.0, ((OUT_OF_SCOPE, 1.0),))
        try:
            response = await self._client.post("/model/parse", json={"text": asked})
            response.raise_for_status()
            return parse(response.json())
        except httpx.HTTPError as error:
            raise NluUnavailable(f"Rasa does not answer: {type(error).__name__}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise NluUnavailable("Rasa answered something that is no ranking of intents") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def parse(answer: Any) -> Intent:
    """Rasa's JSON as an Intent; raises ValueError, KeyError or TypeError when it is something else."""
    ranking = [(str(entry["name"]), float(entry["confidence"])) for entry in answer["intent_ranking"]]
    if not ranking:
        raise ValueError("no intents")
    return Intent.of(ranking)
