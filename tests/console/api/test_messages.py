"""Messages over HTTP, as a member of the staff has them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ivr.store.database import Store
from tests.console.house import Desk
from tests.console.messages import NUMBER, leave, record


async def post(desk: Desk, path: str, **body: str) -> httpx.Response:
    return await desk.http.post(f"/messages/{path}", json=body)


async def get(desk: Desk, **query: str) -> Any:
    answer = await desk.http.get("/messages", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    return [message["id"] for message in page["messages"]]


async def test_a_message_has_all_that_a_person_needs_to_answer_it(desk: Desk) -> None:
    leave(desk.context.store, "m1", "he perdido el pasaporte", urgency="pasaporte, perdido")
    message = (await desk.http.get("/messages/m1")).json()
    assert message["transcript"] == {
        "automatic": True, "text": "he perdido el pasaporte", "confidence": 0.8, "ready": True,
    }  # fmt: skip
    assert (message["number"], message["lang"], message["seconds"], message["how"]) == (
        NUMBER,
        "es",
        2.0,
        "sent",
    )
    assert message["urgency"] == ["pasaporte", "perdido"]
    assert (message["state"], message["owner"], message["history"]) == ("new", "", [])
    assert dt.datetime.fromisoformat(message["left_at"]).tzinfo is not None
    call = (await desk.http.get(f"/calls/{message['call']}")).json()
    assert [event["kind"] for event in call["events"]][:2] == ["call-started", "message-left"]


async def test_a_transcript_that_is_to_come_is_said_to_come(desk: Desk) -> None:
    leave(desk.context.store, "m1", None)
    assert (await desk.http.get("/messages/m1")).json()["transcript"]["ready"] is False


async def test_the_list_is_filtered_and_paged(desk: Desk) -> None:
    for number in range(5):
        leave(desk.context.store, f"m{number}", lang="fr" if number % 2 else "en", ago_s=100.0 - number)
    page = await get(desk, limit="2")
    assert (ids(page), page["next"]) == (["m4", "m3"], "m3")
    page = await get(desk, limit="3", after=page["next"])
    assert (ids(page), page["next"]) == (["m2", "m1", "m0"], None)
    assert ids(await get(desk, lang="fr")) == ["m3", "m1"]
    assert ids(await get(desk, since=(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=98.5)).isoformat())) == [
        "m4", "m3", "m2",
    ]  # fmt: skip
    await post(desk, "m2/take", by="Ana")
    assert ids(await get(desk, state="taken", owner="Ana")) == ["m2"]


async def test_a_message_is_taken_noted_and_answered_and_all_of_it_is_kept(desk: Desk) -> None:
    leave(desk.context.store, "m1")
    taken = (await post(desk, "m1/take", by="  Ana ")).json()
    assert (taken["state"], taken["owner"]) == ("taken", "Ana")
    noted = await post(desk, "m1/notes", by="Ben", note="she speaks French too")
    assert noted.status_code == 201
    answered = (await post(desk, "m1/answer", by="Ana", note="called back")).json()
    assert answered["state"] == "answered"
    told = [(entry["by"], entry["what"], entry["note"]) for entry in answered["history"]]
    assert told == [
        ("Ana", "take", ""), ("Ben", "note", "she speaks French too"), ("Ana", "answer", "called back"),
    ]  # fmt: skip
    times = [dt.datetime.fromisoformat(entry["at"]) for entry in answered["history"]]
    assert times == sorted(times) and dt.datetime.now(dt.UTC) - times[0] < dt.timedelta(minutes=1)


async def test_two_take_it_at_once_and_one_is_told_who_was_quicker(desk: Desk) -> None:
    leave(desk.context.store, "m1")
    names = [f"P{number}" for number in range(6)]
    answers = await asyncio.gather(*(post(desk, "m1/take", by=name) for name in names))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]
    winner = next(answer.json()["owner"] for answer in answers if answer.status_code == 200)
    for refusal in (answer for answer in answers if answer.status_code == 409):
        assert refusal.headers["content-type"] == "application/problem+json"
        assert f"{winner} has taken it" in refusal.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("m1/take", {}, "by"),
        ("m1/take", {"by": "  "}, "by"),
        ("m1/take", {"by": "x" * 65}, "by"),
        ("m1/notes", {"by": "Ana"}, "note"),
        ("m1/notes", {"by": "Ana", "note": " "}, "note"),
        ("m1/notes", {"by": "Ana", "note": "x" * 4001}, "note"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_its_name(
    desk: Desk, path: str, body: dict[str, str], where: str
) -> None:
    leave(desk.context.store, "m1")
    answer = await post(desk, path, **body)
    assert (answer.status_code, answer.json()["status"]) == (422, 422)
    assert answer.json()["detail"].startswith(where)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "state=old", "lang=xx", "since=yesterday"])
async def test_a_wrong_filter_is_refused(desk: Desk, query: str) -> None:
    answer = await desk.http.get(f"/messages?{query}")
    assert answer.status_code == 422 and answer.json()["detail"].startswith(query.partition("=")[0])


async def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    answers = [
        await desk.http.get("/messages/m1"), await desk.http.get("/messages/m1/sound"),
        await post(desk, "m1/take", by="Ana"), await desk.http.get("/messages?after=m1"),
        await desk.http.get("/calls/c1"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {404}
    assert all("1" in answer.json()["detail"] for answer in answers)


# sound


async def test_the_sound_is_given_whole_and_in_parts(desk: Desk) -> None:
    leave(desk.context.store, "m1")
    content = record(desk.context.settings, "m1").read_bytes()
    whole = await desk.http.get("/messages/m1/sound")
    assert whole.content == content and whole.headers["content-type"] == "audio/wav"
    part = await desk.http.get("/messages/m1/sound", headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(content)}"
    beyond = await desk.http.get("/messages/m1/sound", headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416


async def test_a_sound_that_is_not_kept_any_more_is_said(desk: Desk) -> None:
    leave(desk.context.store, "m1")
    answer = await desk.http.get("/messages/m1/sound")
    assert answer.status_code == 404 and "not kept" in answer.json()["detail"]


# the store


async def test_a_store_that_is_away_is_said_and_comes_back(desk: Desk) -> None:
    leave(desk.context.store, "m1")
    if desk.context.store.engine.dialect.name != "sqlite":
        pytest.skip("how PostgreSQL goes and comes is shown in tests/store")
    with away(desk.context.store):
        answer = await desk.http.get("/messages")
        assert answer.status_code == 503 and "store is away" in answer.json()["detail"]
    assert ids(await get(desk)) == ["m1"]


@contextlib.contextmanager
def away(store: Store) -> Iterator[None]:
    """SQLite's file cannot be opened."""
    file = Path(str(store.engine.url.database))
    store.close()
    file.rename(f"{file}.away")
    file.mkdir()
    yield
    file.rmdir()
    Path(f"{file}.away").rename(file)
