"""A fake Rasa that answers ``/model/parse`` from a list of sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

from ivr.core.text import normalise
from tests.fakes.wire import Answer, Request, Socket, Wire


class FakeRasa:
    """``async with FakeRasa({"how much is navigo": "navigo.pass"}) as rasa``: ``rasa.url`` is its address.

    An unknown sentence is out of scope.  ``failing`` is an HTTP status for every request; 0: none.  While ``frozen``
    it accepts requests and answers none.  While ``garbled`` its answers are no rankings.  ``parsed`` holds the texts
    that were sent.
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.failing = 0
        self.frozen = self.garbled = False
        self.parsed: list[str] = []
        self._meanings = {normalise(sentence): intent for sentence, intent in meanings.items()}
        self._wire = Wire(self._parse, self._no_sockets, lambda request: None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._wire.port}"

    async def __aenter__(self) -> Self:
        await self._wire.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._wire.stop()

    async def _parse(self, request: Request) -> Answer | None:
        if self.frozen:
            return None
        if self.failing:
            return self.failing, {"status": "failure"}
        if request.method == "GET":
            return 200, {"model_file": "model.tar.gz"}
        if self.garbled:
            return 200, {"intent_ranking": "it works!"}
        text = str(request.values["text"]).partition("|")[0].strip()  # the phonemes follow it
        self.parsed.append(text)
        await asyncio.sleep(0.01)
        intent = self._meanings.get(normalise(text), "oos")
        ranking = [{"name": intent, "confidence": 0.93}, {"name": "weather", "confidence": 0.02}]
        return 200, {"intent": ranking[0], "intent_ranking": ranking}

    async def _no_sockets(self, kind: str, request: Request, socket: Socket) -> None:
        socket.close()
