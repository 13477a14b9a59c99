"""The adviser's screen: the call on the line, and the event when their telephone rings."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx

from ivr.core import events
from ivr.core.vocabulary import QueueExit
from ivr.store import queries
from ivr.store.writer import write
from tests.console.running_console import RunningConsole
from tests.store.calls import PSEUDONYMS

NUMBER = "+33612345678"
SECOND = 1_000_000_000


def call(console: RunningConsole, call_id: str, *happened: events.Event, ago_s: float = 0.0) -> None:
    """Store a call that began ``ago_s`` seconds ago."""
    begun = time.time_ns() - int(ago_s * SECOND)
    started = events.CallStarted(NUMBER, "accueil", "accueil-1")
    story = [
        events.Stamped(call_id, begun + index * 1000, float(index), event)
        for index, event in enumerate((started, *happened))
    ]
    write(console.context.store, story, PSEUDONYMS)


async def pushes(
    console: RunningConsole, query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[str, dict[str, object]]]:
    """The events that are pushed to a screen."""
    async with console.http.stream("GET", f"/desk/events{query}", timeout=10, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        kind = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))
            elif line.startswith(": connected"):
                yield "", {}


async def test_the_call_on_the_line(console: RunningConsole) -> None:
    call(console, "c1", events.CallFinished("answered", "caller", 20.0), ago_s=30)
    call(
        console, "c2",
        events.LanguageChosen("en", "key"),
        events.Said("how_can_i_help", "How can I help you?", "en", 1.0, 2.0, 2.0, False),
        events.KeyPressed("2"),
        events.Understood("eiffel.price", 0.41, "eiffel.hours", 0.3, 10.0),
        events.PersonWanted("not-understood"),
    )  # fmt: skip
    info = (await console.http.get("/desk/calls/c2")).json()
    assert (info["lang"], info["why"], info["intent"], info["confidence"]) == (
        "en", "not-understood", "eiffel.price", 0.41,
    )  # fmt: skip
    assert [(line["who"], line["text"]) for line in info["transcript"]] == [
        ("service", "How can I help you?"), ("caller", "[2]"),
    ]  # fmt: skip
    assert [one["id"] for one in info["earlier"]] == ["c1"]
    assert NUMBER not in json.dumps(info) and info["number"].endswith(NUMBER[-2:])
    assert (await console.http.get("/desk/calls/c1")).json()["earlier"] == []
    assert (await console.http.get("/desk/calls/nobody")).status_code == 404


async def test_a_ringing_telephone_is_pushed_to_its_adviser_alone(console: RunningConsole) -> None:
    call(console, "old", events.Ringing("anna"), events.QueueLeft(QueueExit.HANG_UP, 9.0))
    screen = pushes(console, "?adviser=anna")
    async with asyncio.timeout(10):
        assert (await anext(screen))[0] == ""
        call(console, "c3", events.Queued("desk-en", 1, 0.0), events.Ringing("luc"), events.Ringing("anna"))
        found = [await anext(screen), await anext(screen)]
    await screen.aclose()
    assert [(kind, body["call"], body.get("adviser", "")) for kind, body in found] == [
        ("queued", "c3", ""), ("ringing", "c3", "anna"),
    ]  # fmt: skip


async def test_a_screen_that_connects_again_is_shown_what_rings(console: RunningConsole) -> None:
    call(console, "c5", events.Queued("desk-en", 1, 0.0), events.Ringing("anna"), ago_s=3.0)
    call(console, "c6", events.Ringing("anna"), events.QueueLeft(QueueExit.HANG_UP, 9.0), ago_s=3.0)
    screen = pushes(console, "?adviser=anna")
    async with asyncio.timeout(10):
        assert (await anext(screen))[0] == ""
        found = await anext(screen)
        while found[1]["call"] != "c5":
            found = await anext(screen)
    await screen.aclose()
    assert found[0] == "ringing"


async def test_a_screen_is_sent_every_event_since_the_last_one_that_it_has(console: RunningConsole) -> None:
    call(console, "c7", events.Queued("desk-en", 1, 0.0), events.Ringing("anna"), ago_s=40.0)
    rows = queries.events_since(console.context.store, {"queued", "ringing"}, 0)
    [queued] = [row.seq for row in rows if (row.call_id, row.kind) == ("c7", "queued")]
    screen = pushes(console, "?adviser=anna", {"Last-Event-ID": str(queued)})
    async with asyncio.timeout(10):
        assert (await anext(screen))[0] == ""
        kind, body = await anext(screen)
    await screen.aclose()
    assert (kind, body["call"]) == ("ringing", "c7")


async def test_without_asterisk_the_queues_are_unknown_and_nothing_breaks(console: RunningConsole) -> None:
    assert (await console.http.get("/desk")).status_code == 503
    name = console.context.callflow.advisers[0].name
    answer = await console.http.put(f"/desk/advisers/{name}", json={"state": "away"})
    assert answer.status_code == 503 and "manager interface" in answer.json()["detail"]
    assert (await console.http.put("/desk/advisers/nobody", json={"state": "away"})).status_code == 404
    assert (await console.http.put(f"/desk/advisers/{name}", json={"state": "asleep"})).status_code == 422
    async with httpx.AsyncClient(base_url=console.http.base_url) as stranger:
        assert (await stranger.get("/desk/events")).status_code == 401
