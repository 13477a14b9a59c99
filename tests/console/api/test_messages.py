"""Messages over HTTP, as the staff use them."""

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
from tests.console.messages import NUMBER, leave, record, transcribe
from tests.console.running_console import RunningConsole


async def post(console: RunningConsole, path: str, **body: str) -> httpx.Response:
    return await console.http.post(f"/messages/{path}", json=body)


async def get(console: RunningConsole, **query: str) -> Any:
    answer = await console.http.get("/messages", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    return [message["id"] for message in page["messages"]]


async def test_a_message_has_all_that_a_person_needs_to_answer_it(console: RunningConsole) -> None:
    leave(console.context.store, "m1", "he perdido el pasaporte", urgency="pasaporte, perdido")
    message = (await console.http.get("/messages/m1")).json()
    assert message["transcript"] == {
        "automatic": True, "text": "he perdido el pasaporte", "confidence": 0.8, "ready": True, "state": "ready",
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
    call = (await console.http.get(f"/calls/{message['call']}")).json()
    assert [event["kind"] for event in call["events"]][:2] == ["call-started", "message-left"]


async def test_a_missing_transcript_is_not_ready(console: RunningConsole) -> None:
    leave(console.context.store, "m1", None)
    transcript = (await console.http.get("/messages/m1")).json()["transcript"]
    assert (transcript["ready"], transcript["state"]) == (False, "waiting")


async def test_a_transcript_that_is_not_possible_is_another_state(console: RunningConsole) -> None:
    leave(console.context.store, "m1", None)
    transcribe(console.context.store, "m1", "me llamo", possible=False)
    transcript = (await console.http.get("/messages/m1")).json()["transcript"]
    assert (transcript["ready"], transcript["state"], transcript["text"]) == (
        False,
        "not-possible",
        "me llamo",
    )


async def test_the_list_is_filtered_and_paged(console: RunningConsole) -> None:
    for number in range(5):
        leave(console.context.store, f"m{number}", lang="fr" if number % 2 else "en", ago_s=100.0 - number)
    page = await get(console, limit="2")
    assert (ids(page), page["next"]) == (["m4", "m3"], "m3")
    page = await get(console, limit="3", after=page["next"])
    assert (ids(page), page["next"]) == (["m2", "m1", "m0"], None)
    assert ids(await get(console, lang="fr")) == ["m3", "m1"]
    assert ids(await get(console, since=(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=98.5)).isoformat())) == [
        "m4", "m3", "m2",
    ]  # fmt: skip
    await post(console, "m2/take", by="Ana")
    assert ids(await get(console, state="taken", owner="Ana")) == ["m2"]


async def test_a_message_is_taken_noted_and_answered_and_all_of_it_is_kept(console: RunningConsole) -> None:
    leave(console.context.store, "m1")
    taken = (await post(console, "m1/take", by="  Ana ")).json()
    assert (taken["state"], taken["owner"]) == ("taken", "Ana")
    noted = await post(console, "m1/notes", by="Ben", note="she speaks French too")
    assert noted.status_code == 201
    answered = (await post(console, "m1/answer", by="Ana", note="called back")).json()
    assert answered["state"] == "answered"
    history = [(entry["by"], entry["what"], entry["note"]) for entry in answered["history"]]
    assert history == [
        ("Ana", "take", ""), ("Ben", "note", "she speaks French too"), ("Ana", "answer", "called back"),
    ]  # fmt: skip
    times = [dt.datetime.fromisoformat(entry["at"]) for entry in answered["history"]]
    assert times == sorted(times) and dt.datetime.now(dt.UTC) - times[0] < dt.timedelta(minutes=1)


async def test_of_several_who_take_it_at_once_one_gets_it_and_the_others_learn_who(
    console: RunningConsole,
) -> None:
    leave(console.context.store, "m1")
    names = [f"P{number}" for number in range(6)]
    answers = await asyncio.gather(*(post(console, "m1/take", by=name) for name in names))
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
    console: RunningConsole, path: str, body: dict[str, str], where: str
) -> None:
    leave(console.context.store, "m1")
    answer = await post(console, path, **body)
    assert (answer.status_code, answer.json()["status"]) == (422, 422)
    assert answer.json()["detail"].startswith(where)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "state=old", "lang=xx", "since=yesterday"])
async def test_a_wrong_filter_is_refused(console: RunningConsole, query: str) -> None:
    answer = await console.http.get(f"/messages?{query}")
    assert answer.status_code == 422 and answer.json()["detail"].startswith(query.partition("=")[0])


async def test_what_is_not_there_is_not_found(console: RunningConsole) -> None:
    answers = [
        await console.http.get("/messages/m1"), await console.http.get("/messages/m1/sound"),
        await post(console, "m1/take", by="Ana"), await console.http.get("/messages?after=m1"),
        await console.http.get("/calls/c1"),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {404}
    assert all("1" in answer.json()["detail"] for answer in answers)


# recordings


async def test_the_recording_is_served_whole_and_in_parts(console: RunningConsole) -> None:
    leave(console.context.store, "m1")
    content = record(console.context.settings, "m1").read_bytes()
    whole = await console.http.get("/messages/m1/sound")
    assert whole.content == content and whole.headers["content-type"] == "audio/wav"
    part = await console.http.get("/messages/m1/sound", headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(content)}"
    beyond = await console.http.get("/messages/m1/sound", headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status_code == 416


async def test_a_missing_recording_is_reported(console: RunningConsole) -> None:
    leave(console.context.store, "m1")
    answer = await console.http.get("/messages/m1/sound")
    assert answer.status_code == 404 and "not kept" in answer.json()["detail"]


# the store


async def test_an_unreachable_store_is_reported_until_it_returns(console: RunningConsole) -> None:
    leave(console.context.store, "m1")
    if console.context.store.engine.dialect.name != "sqlite":
        pytest.skip("tests/store covers outages of PostgreSQL")
    with away(console.context.store):
        answer = await console.http.get("/messages")
        assert answer.status_code == 503 and "store is away" in answer.json()["detail"]
    assert ids(await get(console)) == ["m1"]


@contextlib.contextmanager
def away(store: Store) -> Iterator[None]:
    """Make SQLite's file impossible to open."""
    file = Path(str(store.engine.url.database))
    store.close()
    file.rename(f"{file}.away")
    file.mkdir()
    yield
    file.rmdir()
    Path(f"{file}.away").rename(file)
