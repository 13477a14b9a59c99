"""Readiness and metrics, as monitoring reads them over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ivr.console.api import health
from ivr.console.api.call_metrics import SETTLED_S, CallMetrics
from ivr.store.database import Store
from ivr.store.writer import write
from tests.conftest import ROOT
from tests.console.messages import leave
from tests.console.running_console import RunningConsole
from tests.store.calls import PSEUDONYMS, SECOND, stamped

Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(text: str) -> Samples:
    """Parse metrics: (name, label values) -> value."""
    families = text_string_to_metric_families(text)
    return {
        (one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples
    }


def counted(metrics: CallMetrics, registry: CollectorRegistry, store: Store, now: float) -> Samples:
    metrics.update(store, now)
    return samples(generate_latest(registry).decode())


def answer_with(status: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Answers one request with ``status`` and closes the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    return answer


@asynccontextmanager
async def answering(port: int, status: str) -> AsyncIterator[None]:
    """A server that answers every request with ``status``, as Rasa does with and without a model."""
    async with await asyncio.start_server(answer_with(status), "127.0.0.1", port):
        yield


async def test_not_ready_while_no_call_could_be_taken(console: RunningConsole) -> None:
    async with httpx.AsyncClient(base_url=console.http.base_url) as stranger:
        assert (await stranger.get("/healthz")).json() == {"status": "up"}
        answer = await stranger.get("/readyz")
    found = answer.json()
    assert answer.status_code == 503 and found["ready"] is False
    assert found["parts"]["asterisk"] == "does not answer" and found["parts"]["worker"] == "unknown"
    assert found["parts"]["store"] == "ok"


async def test_rasa_without_a_model_is_not_ready(console: RunningConsole) -> None:
    port = console.context.settings.rasa_port
    states = []
    for status in ("200 OK", "409 Conflict"):
        async with answering(port, status):
            states.append((await console.http.get("/readyz")).json()["parts"]["rasa"])
    assert states == ["ok", "no model is loaded"]


async def test_the_classifier_process_is_a_part_that_calls_can_do_without(console: RunningConsole) -> None:
    path = console.context.settings.classifier_socket
    states = []
    path.parent.mkdir(parents=True, exist_ok=True)
    for status in ("200 OK", "409 Conflict"):
        async with await asyncio.start_unix_server(answer_with(status), path):
            states.append((await console.http.get("/readyz")).json()["parts"]["classifier"])
        path.unlink(missing_ok=True)
    states.append((await console.http.get("/readyz")).json()["parts"]["classifier"])
    assert states == ["ok", "no model is loaded", "does not answer"] and "classifier" in health.OPTIONAL


async def test_messages_that_nobody_was_told_of_are_a_part_that_is_not_ok(console: RunningConsole) -> None:
    leave(console.context.store, "m1", ago_s=60)
    states = [(await console.http.get("/readyz")).json()["parts"]["messages"]]
    leave(console.context.store, "m2", ago_s=7200)
    states.append((await console.http.get("/readyz")).json()["parts"]["messages"])
    assert states == ["ok", "nobody was told of 1 new messages"] and "messages" in health.OPTIONAL


async def test_metrics_name_the_parts_and_the_messages(console: RunningConsole) -> None:
    await asyncio.to_thread(write, console.context.store, stamped("c1"), PSEUDONYMS)
    answer = await console.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = samples(answer.text)
    assert found["accueil_part_up", ("asterisk",)] == 0 and found["accueil_part_up", ("store",)] == 1
    assert found["accueil_messages", ("new",)] == 1
    assert ("accueil_calls_running", ()) in found and "+34" not in answer.text


def test_each_call_is_counted_once_when_it_has_settled(store: Store) -> None:
    now = time.time()
    registry = CollectorRegistry()
    metrics = CallMetrics(registry, since=now)
    begun = int((now - 60) * SECOND)
    write(store, stamped("c1", first=begun), PSEUDONYMS)  # over a second after ``now``
    assert ("accueil_calls_total", ("es", "message")) not in counted(metrics, registry, store, now)
    later = now + 2 * SETTLED_S
    for _ in range(2):
        found = counted(metrics, registry, store, later)
    assert found["accueil_calls_total", ("es", "message")] == 1
    assert found["accueil_mouth_to_ear_seconds_count", ("es",)] == 1
    assert found["accueil_mouth_to_ear_seconds_bucket", ("es", "0.9")] == 1
    assert found["accueil_mouth_to_ear_seconds_bucket", ("es", "0.7")] == 0
    assert found["accueil_recognition_seconds_sum", ("es",)] == 0.4
    assert found["accueil_classified_total", ("rasa",)] == 1
    assert (
        found["accueil_faults_total", ("nlu",)] == 1 and found["accueil_person_wait_seconds_sum", ()] == 31.5
    )


def test_calls_from_before_are_not_counted_again_after_a_restart(store: Store) -> None:
    now = time.time()
    registry = CollectorRegistry()
    write(store, stamped("c1", first=int((now - 600) * SECOND)), PSEUDONYMS)
    found = counted(CallMetrics(registry, since=now), registry, store, now)
    assert ("accueil_calls_total", ("es", "message")) not in found


async def test_the_dashboard_shows_metrics_that_there_are(console: RunningConsole) -> None:
    text = (await console.http.get("/metrics")).text
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    known = names | {f"{name}{suffix}" for name in names for suffix in ("_bucket", "_count", "_sum")}
    panels = json.loads((ROOT / "docs/grafana.json").read_text("utf-8"))["panels"]
    shown = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"accueil_\w+", target["expr"])
    }
    assert shown and shown <= known
