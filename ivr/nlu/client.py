"""A classifier behind Rasa's HTTP interface: Rasa itself, or the classifier process at its Unix socket.

https://rasa.com/docs/rasa/pages/http-api: ``POST /model/parse`` ranks the intents of a text.  ``GET /status`` is
refused with 409 while no model is loaded.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from ivr.core.errors import NluUnavailable
from ivr.nlu.classifier import ClassifierName, Intent, question

ANSWER_S: Final = 1.0
"""Seconds that a caller waits for one classifier."""
TRANSPORT_S: Final = 60.0
"""A connection is closed at the latest after this; ``timeout_s`` bounds each question."""


class HttpClassifier:
    """An ``IntentClassifier`` over HTTP; use as ``async with``."""

    def __init__(
        self,
        url: str,
        *,
        name: str = ClassifierName.RASA,
        socket: Path | None = None,
        timeout_s: float = ANSWER_S,
    ) -> None:
        """Connect at the first question.

        url: base address, such as ``http://127.0.0.1:5005``.
        name: how logs and events name it.
        socket: path of the Unix socket to connect to instead of the host of ``url``.
        timeout_s: seconds that a whole question may take.
        """
        self.name = name
        self._timeout_s = timeout_s
        transport = httpx.AsyncHTTPTransport(uds=str(socket)) if socket is not None else None
        self._client = httpx.AsyncClient(
            base_url=url, timeout=TRANSPORT_S, trust_env=False, transport=transport
        )

    @classmethod
    def local(cls, socket: Path, *, timeout_s: float = ANSWER_S) -> Self:
        """The classifier process that listens at the Unix socket ``socket``; see ``__init__``."""
        return cls("http://classifier", name=ClassifierName.LOCAL, socket=socket, timeout_s=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ready(self) -> bool:
        """Whether it has a model to answer with, and says so in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return (await self._client.get("/status")).is_success
        except (TimeoutError, httpx.HTTPError):
            return False

    async def classify(self, text: str, lang: str) -> Intent:
        """The intent of a sentence, see ``IntentClassifier``."""
        asked = question(text, lang)
        if not asked:
            return Intent.of([])
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.post("/model/parse", json={"text": asked})
            response.raise_for_status()
            return Intent.of(parse(response.json()), self.name)
        except (TimeoutError, httpx.HTTPError) as error:
            raise NluUnavailable(f"{self.name} does not answer: {type(error).__name__}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise NluUnavailable(f"{self.name} did not answer with a ranking of intents") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def parse(answer: Any) -> list[tuple[str, float]]:
    """The ranking in the JSON of ``/model/parse``; raises ValueError, KeyError or TypeError where it has none."""
    ranking = [(str(entry["name"]), float(entry["confidence"])) for entry in answer["intent_ranking"]]
    if not ranking:
        raise ValueError("no intents")
    return ranking
