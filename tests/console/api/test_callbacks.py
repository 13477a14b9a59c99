"""Callbacks over HTTP, as a member of the staff has them."""

from __future__ import annotations

import pytest

from ivr.store import callbacks
from ivr.store.callbacks import Settled
from tests.console.house import Desk
from tests.store.test_callbacks import NUMBER, ask


async def test_a_callback_has_all_that_a_person_needs_to_call(desk: Desk) -> None:
    ask(desk.context.store, "c1")
    attempt = callbacks.begin(desk.context.store, "c1", "desk", 1000.0)
    assert attempt is not None
    callbacks.settle(desk.context.store, "c1", attempt, Settled("no-answer", "open", next_at=1900.0))
    found = (await desk.http.get("/callbacks/c1")).json()
    assert (found["number"], found["lang"], found["state"], found["attempts"]) == (NUMBER, "fr", "open", 1)
    assert found["start"] == "1970-01-01T00:16:40Z" and found["call"] == "call-c1"
    [tried] = found["tried"]
    assert (tried["adviser"], tried["result"]) == ("desk", "no-answer")


async def test_taken_done_and_then_nothing_more(desk: Desk) -> None:
    ask(desk.context.store, "c1")
    ask(desk.context.store, "c2")
    taken = await desk.http.post("/callbacks/c1/take", json={"by": "Ana"})
    assert (taken.status_code, taken.json()["owner"]) == (200, "Ana")
    other = await desk.http.post("/callbacks/c1/take", json={"by": "Ben"})
    assert (other.status_code, other.json()["detail"]) == (409, "take is not possible: Ana has taken it")
    done = await desk.http.post("/callbacks/c1/done", json={"by": "Ana", "outcome": "tickets explained"})
    assert (done.json()["state"], done.json()["outcome"]) == ("done", "tickets explained")
    again = await desk.http.post("/callbacks/c1/close", json={"by": "Ana", "outcome": "x"})
    assert again.status_code == 409
    rows = (await desk.http.get("/callbacks")).json()
    assert [row["id"] for row in rows] == ["c2", "c1"]
    assert [row["id"] for row in (await desk.http.get("/callbacks?state=open")).json()] == ["c2"]


async def test_given_back(desk: Desk) -> None:
    ask(desk.context.store, "c1")
    await desk.http.post("/callbacks/c1/take", json={"by": "Ana"})
    assert (await desk.http.post("/callbacks/c1/release")).json()["owner"] == ""


@pytest.mark.parametrize(
    "body", [{}, {"by": "Ana"}, {"by": "Ana", "outcome": "  "}, {"by": "", "outcome": "x"}]
)
async def test_who_closes_says_who_he_is_and_why(desk: Desk, body: dict[str, str]) -> None:
    ask(desk.context.store, "c1")
    assert (await desk.http.post("/callbacks/c1/close", json=body)).status_code == 422


async def test_unknown_ones_and_strangers(desk: Desk) -> None:
    assert (await desk.http.get("/callbacks/nobody")).status_code == 404
    desk.http.headers.pop("Authorization")
    assert (await desk.http.get("/callbacks")).status_code == 401
