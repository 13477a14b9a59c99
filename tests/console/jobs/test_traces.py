"""Calls as traces, sent to a real HTTP collector."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ivr.console.api.call_metrics import SETTLED_S
from ivr.console.jobs.traces import TracesJob
from ivr.store.writer import write
from tests.console.running_console import RunningConsole
from tests.store.calls import NUMBER, PSEUDONYMS, SECOND, stamped


class Collector:
    """A collector that accepts traces or fails with ``status``."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status = "200 OK"
        self.url = ""

    def spans(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            span
            for body in self.bodies
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
        return found

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("POST /v1/traces ")
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        body = json.loads(await reader.readexactly(length))
        if self.status == "200 OK":
            self.bodies.append(body)
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        collector.url = f"http://{host}:{port}"
        yield collector


async def test_a_call_is_sent_once_when_the_collector_takes_it(console: RunningConsole) -> None:
    async with collecting() as collector, httpx.AsyncClient() as client:
        settings = dataclasses.replace(console.context.settings, otlp_url=collector.url)
        traces = TracesJob(dataclasses.replace(console.context, settings=settings))
        now = time.time()
        story = stamped("c1", first=int((now - 60) * SECOND))
        await asyncio.to_thread(write, console.context.store, story, PSEUDONYMS)
        await traces.send(client, now)
        assert not collector.bodies  # not settled yet
        collector.status = "503 Service Unavailable"
        await traces.send(client, now + 2 * SETTLED_S)
        collector.status = "200 OK"
        for _ in range(2):
            await traces.send(client, now + 2 * SETTLED_S)
    (body,) = collector.bodies
    assert NUMBER not in json.dumps(body) and "cuesta" not in json.dumps(body)
    call, *parts = collector.spans()
    assert call["name"] == "call" and not call["parentSpanId"]
    assert {span["name"] for span in parts} == {
        "recognise", "understand", "say", "mouth-to-ear", "wait-for-person", "fault"
    }  # fmt: skip
    assert {span["parentSpanId"] for span in parts} == {call["spanId"]}
    assert {len(span["traceId"]) for span in (call, *parts)} == {32}
    heard = next(span for span in parts if span["name"] == "recognise")
    assert int(heard["endTimeUnixNano"]) - int(heard["startTimeUnixNano"]) in range(399_999_000, 400_001_000)
