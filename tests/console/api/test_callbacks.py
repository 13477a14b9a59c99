"""Callbacks over HTTP, as the staff use them."""

from __future__ import annotations

import pytest

from ivr.store import callbacks
from ivr.store.callbacks import Settled
from tests.console.running_console import RunningConsole
from tests.store.test_callbacks import NUMBER, ask


async def test_a_callback_has_all_that_a_person_needs_to_call(console: RunningConsole) -> None:
    ask(console.context.store, "c1")
    attempt = callbacks.begin(console.context.store, "c1", "desk", 1000.0)
    assert attempt is not None
    callbacks.settle(console.context.store, "c1", attempt, Settled("no-answer", "open", next_at=1900.0))
    found = (await console.http.get("/callbacks/c1")).json()
    assert (found["number"], found["lang"], found["state"], found["attempts"]) == (NUMBER, "fr", "open", 1)
    assert found["start"] == "1970-01-01T00:16:40Z" and found["call"] == "call-c1"
    [tried] = found["tried"]
    assert (tried["adviser"], tried["result"]) == ("desk", "no-answer")


async def test_a_callback_is_taken_and_done_and_then_final(console: RunningConsole) -> None:
    ask(console.context.store, "c1")
    ask(console.context.store, "c2")
    taken = await console.http.post("/callbacks/c1/take", json={"by": "Ana"})
    assert (taken.status_code, taken.json()["owner"]) == (200, "Ana")
    other = await console.http.post("/callbacks/c1/take", json={"by": "Ben"})
    assert (other.status_code, other.json()["detail"]) == (409, "take is not possible: Ana has taken it")
    done = await console.http.post("/callbacks/c1/done", json={"by": "Ana", "outcome": "tickets explained"})
    assert (done.json()["state"], done.json()["outcome"]) == ("done", "tickets explained")
    again = await console.http.post("/callbacks/c1/close", json={"by": "Ana", "outcome": "x"})
    assert again.status_code == 409
    rows = (await console.http.get("/callbacks")).json()
    assert [row["id"] for row in rows] == ["c2", "c1"]
    assert [row["id"] for row in (await console.http.get("/callbacks?state=open")).json()] == ["c2"]


async def test_a_callback_can_be_released(console: RunningConsole) -> None:
    ask(console.context.store, "c1")
    await console.http.post("/callbacks/c1/take", json={"by": "Ana"})
    assert (await console.http.post("/callbacks/c1/release")).json()["owner"] == ""


@pytest.mark.parametrize(
    "body", [{}, {"by": "Ana"}, {"by": "Ana", "outcome": "  "}, {"by": "", "outcome": "x"}]
)
async def test_closing_needs_a_name_and_a_reason(console: RunningConsole, body: dict[str, str]) -> None:
    ask(console.context.store, "c1")
    assert (await console.http.post("/callbacks/c1/close", json=body)).status_code == 422


async def test_unknown_callbacks_and_requests_without_a_token(console: RunningConsole) -> None:
    assert (await console.http.get("/callbacks/nobody")).status_code == 404
    console.http.headers.pop("Authorization")
    assert (await console.http.get("/callbacks")).status_code == 401
