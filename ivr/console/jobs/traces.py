"""Sends ended calls as OpenTelemetry traces: a span for the call, and child spans for what the caller waited for.

A call is sent when it has settled, so that no call waits for the collector.  The format is OTLP over HTTP in JSON
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).  Words and numbers of callers are never sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx

from ivr import __version__
from ivr.console.api.call_metrics import DAY_S, SETTLED_S
from ivr.console.context import Context
from ivr.core import events
from ivr.store import queries
from ivr.store.rows import CallRow

log = logging.getLogger(__name__)

EVERY_S = 10.0
SEND_S = 10.0
SECOND = 1_000_000_000
INTERNAL, SERVER = 1, 2
"""Span kinds of OpenTelemetry."""

OtlpSpan = dict[str, Any]


class TracesJob:
    """Sends every call that ends from now on to ``IVR_OTLP_URL``; idle when that is not set."""

    name = "traces"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._since = time.time()
        self._sent: dict[str, float] = {}

    async def run(self) -> None:
        """Send until cancelled.  After an outage the collector gets the calls of the last day."""
        if not self._context.settings.otlp_url:
            await asyncio.Event().wait()
        async with httpx.AsyncClient(timeout=SEND_S, trust_env=False) as client:
            while True:
                await self.send(client)
                await asyncio.sleep(EVERY_S)

    async def send(self, client: httpx.AsyncClient, now: float | None = None) -> None:
        """Send the settled calls; ``now`` is in seconds since 1970, None: the present."""
        now = time.time() if now is None else now
        self._sent = {call_id: at for call_id, at in self._sent.items() if at > now - DAY_S}
        for row in await asyncio.to_thread(self._settled, now):
            story = await asyncio.to_thread(queries.events_of, self._context.store, row.id)
            body = document(self._context.settings.instance, list(spans(row.id, story)))
            try:
                async with asyncio.timeout(SEND_S):  # httpx limits each step, not the whole
                    response = await client.post(f"{self._context.settings.otlp_url}/v1/traces", json=body)
                response.raise_for_status()
            except (TimeoutError, httpx.HTTPError) as error:
                log.warning("the trace collector does not accept traces (%s)", type(error).__name__)
                return
            self._sent[row.id] = row.started

    def _settled(self, now: float) -> list[CallRow]:
        ended = queries.ended_calls(self._context.store, self._since, now - SETTLED_S, now - DAY_S)
        return [row for row in ended if row.id not in self._sent]


def document(instance: str, found: list[OtlpSpan]) -> dict[str, Any]:
    """The body of a request to ``/v1/traces`` with the spans of one call."""
    resource = _attributes({"service.name": "accueil", "service.instance.id": instance})
    scope = {"name": "accueil", "version": __version__}
    scoped = [{"scope": scope, "spans": found}]
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": scoped}]}


def spans(call_id: str, story: list[events.Stamped]) -> Iterator[OtlpSpan]:
    """Make the spans of a call from its events: the call, and its decodings, answers, prompts and waits."""
    begun = next((item.at - item.t for item in story), 0.0)
    ending = next((item.event for item in story if isinstance(item.event, events.CallFinished)), None)
    trace, root = _id(call_id, 32), _id(f"{call_id}/call", 16)
    facts = {
        "call.id": call_id,
        "outcome": ending.outcome if ending else "",
        "ended_by": ending.by if ending else "",
    }
    length = ending.seconds if ending else story[-1].at - begun if story else 0.0
    call = _span("call", begun, begun + length, facts)
    yield {"traceId": trace, "spanId": root, "parentSpanId": "", "kind": SERVER, **call}
    for item in story:
        for name, start, seconds, attributes in _parts(item, begun):
            own = _id(f"{call_id}/{item.seq}/{name}", 16)
            part = _span(name, start, start + seconds, attributes)
            yield {"traceId": trace, "spanId": own, "parentSpanId": root, "kind": INTERNAL, **part}


def _parts(item: events.Stamped, begun: float) -> Iterator[tuple[str, float, float, dict[str, object]]]:
    """The parts of one event: name, start in seconds since 1970, length in seconds, attributes."""
    match item.event:
        case events.Heard() as heard:
            facts: dict[str, object] = {
                "lang": heard.lang,
                "engine": heard.engine,
                "confidence": heard.confidence,
            }
            yield "recognise", item.at - heard.decode_s, heard.decode_s, facts
        case events.Understood() as found:
            facts = {"intent": found.intent, "confidence": found.confidence}
            yield "understand", item.at - found.ms / 1000, found.ms / 1000, facts
        case events.Said() as said:
            yield "say", begun + said.start_s, said.heard_s, {"key": said.key, "lang": said.lang}
        case events.MouthToEar() as wait:
            yield "mouth-to-ear", begun + wait.caller_end_s, wait.seconds, {"turn": wait.turn}
        case events.PersonAnswered() as answered:
            facts = {"adviser": answered.adviser}
            yield "wait-for-person", item.at - answered.waited_s, answered.waited_s, facts
        case events.Fault() as fault:
            yield "fault", item.at, 0.0, {"part": fault.part}


def _span(name: str, start: float, end: float, facts: dict[str, Any]) -> OtlpSpan:
    return {
        "name": name,
        "startTimeUnixNano": str(int(start * SECOND)),
        "endTimeUnixNano": str(int(end * SECOND)),
        "attributes": _attributes(facts),
    }


def _attributes(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in facts.items()]


def _value(value: object) -> dict[str, object]:
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


def _id(text: str, digits: int) -> str:
    """An id of ``digits`` hexadecimal digits; a call that is sent again has the same ids."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
