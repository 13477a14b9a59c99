"""The client of Rasa's HTTP interface, against real sockets that behave badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ivr.core.errors import NluUnavailable
from ivr.nlu.classifier import Intent, question
from ivr.nlu.client import HttpClassifier, parse

Answer = Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def peer(answer: Answer) -> AsyncIterator[str]:
    """An HTTP server that answers every request with ``answer``; yields its address."""
    writers: list[asyncio.StreamWriter] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)
        await over.wait()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def body(text: str, status: str = "200 OK") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text.encode())}\r\n\r\n"
        writer.write((head + text).encode())
        await writer.drain()

    return answer


async def silence(writer: asyncio.StreamWriter) -> None:
    """Nothing is sent; the connection stays open."""


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then: each comes in time, the answer does not."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.05)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def ask(answer: Answer, text: str = "bonjour", timeout_s: float = 0.2) -> Intent:
    async def work() -> Intent:
        async with peer(answer) as url, HttpClassifier(url, timeout_s=timeout_s) as classifier:
            return await classifier.classify(text, "fr")

    return asyncio.run(work())


def test_a_ranking_is_read_best_first() -> None:
    ranking = '{"intent_ranking": [{"name": "b", "confidence": 0.2}, {"name": "a", "confidence": 0.8}]}'
    assert ask(body(ranking)) == Intent("a", 0.8, (("a", 0.8), ("b", 0.2)))


@pytest.mark.parametrize(
    "answer",
    [
        body("not json"),
        body("{}"),
        body("[]"),
        body('{"intent_ranking": []}'),
        body('{"intent_ranking": [{"name": "a"}]}'),
        body('{"intent_ranking": [{"name": "a", "confidence": "much"}]}'),
        body("{}", "503 Service Unavailable"),
        silence,
        drip,
        hang_up,
    ],
)
def test_nonsense_silence_and_failure_are_one_typed_error(answer: Answer) -> None:
    with pytest.raises(NluUnavailable):
        ask(answer)


def test_nobody_listens() -> None:
    async def work() -> None:
        async with HttpClassifier("http://127.0.0.1:9") as classifier:
            await classifier.classify("bonjour", "fr")

    with pytest.raises(NluUnavailable):
        asyncio.run(work())


def test_silence_and_punctuation_are_not_sent() -> None:
    assert ask(hang_up, " ...?! ") == Intent("oos", 1.0, (("oos", 1.0),))


def test_parse_refuses_an_answer_without_a_ranking() -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse(None)


def test_the_phonemes_stand_behind_the_words() -> None:
    assert question("Les tickets ?", "fr") == "les tickets | letikɛ"
    assert question("L'étiquet", "fr").partition("|")[2] == " letikɛ"  # misheard, and sounds the same


@pytest.mark.parametrize("lang", ["", "xx"])
def test_words_alone_in_a_language_that_espeak_does_not_know(lang: str) -> None:
    assert question("Les tickets ?", lang) == "les tickets"
