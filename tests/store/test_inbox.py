"""The inbox: legal changes, one winner, pages, and who did what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ivr.core.errors import NotStored, Refused
from ivr.store import inbox
from ivr.store.database import Store
from ivr.store.inbox import CHANGES, MessageFilter
from ivr.store.states import MessageState
from ivr.store.tables import messages
from tests.console.messages import leave, transcribe

REACH: dict[str, list[str]] = {"new": [], "taken": ["take"], "answered": ["take", "answer"]}


ALL = MessageFilter()


def ids(store: Store, wanted: MessageFilter = ALL, limit: int = 50, after: str = "") -> list[str]:
    return [row.id for row in inbox.page(store, wanted, limit, after)]


@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_possible_in_one_state_alone(store: Store, state: str, what: str) -> None:
    leave(store, "m1")
    for step in REACH[state]:
        inbox.change(store, "m1", step, "Ana")
    before = inbox.one(store, "m1"), inbox.history(store, "m1")
    if CHANGES[what].before == state:
        inbox.change(store, "m1", what, "Ana", "as agreed")
        assert inbox.one(store, "m1").state == CHANGES[what].after
        last = inbox.history(store, "m1")[-1]
        assert (last.by, last.what, last.note) == ("Ana", what, "as agreed")
    else:
        with pytest.raises(Refused) as refused:
            inbox.change(store, "m1", what, "Ana")
        assert "\n" not in str(refused.value) and str(refused.value).startswith(what)
        assert (inbox.one(store, "m1"), inbox.history(store, "m1")) == before


def test_only_who_has_taken_it_answers_it_and_anybody_may_give_it_back(store: Store) -> None:
    leave(store, "m1")
    inbox.change(store, "m1", "take", "Ana")
    with pytest.raises(Refused, match="Ana has taken it; release it first"):
        inbox.change(store, "m1", "answer", "Ben")
    inbox.change(store, "m1", "release", "Ben")
    assert inbox.one(store, "m1").owner == ""
    inbox.change(store, "m1", "take", "Ben")
    inbox.change(store, "m1", "answer", "Ben")
    row = inbox.one(store, "m1")
    assert (row.state, row.owner) == ("answered", "Ben")
    done = [(entry.by, entry.what) for entry in inbox.history(store, "m1")]
    assert done == [("Ana", "take"), ("Ben", "release"), ("Ben", "take"), ("Ben", "answer")]


def at_once(work: Callable[[int], None], count: int) -> None:
    """``work`` in so many threads that begin together."""
    gate = threading.Barrier(count)

    def begin(number: int) -> None:
        gate.wait()
        work(number)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_many_who_take_it_at_once_one_wins(store: Store) -> None:
    leave(store, "m1")
    won: list[str] = []
    refused: list[str] = []

    def take(number: int) -> None:
        try:
            inbox.change(store, "m1", "take", f"P{number}")
            won.append(f"P{number}")
        except Refused as error:
            refused.append(str(error))

    at_once(take, 8)
    assert len(won) == 1 and len(refused) == 7
    assert all(f"{won[0]} has taken it" in line for line in refused)
    assert inbox.one(store, "m1").owner == won[0]
    assert len(inbox.history(store, "m1")) == 1


def test_pages_follow_each_other_without_a_gap_though_new_ones_come(store: Store) -> None:
    for number in range(7):
        leave(store, f"m{number}", ago_s=1000.0 - number)
    first = ids(store, limit=3)
    leave(store, "m9")
    second = ids(store, limit=3, after=first[-1])
    third = ids(store, limit=3, after=second[-1])
    assert first + second + third == [f"m{number}" for number in reversed(range(7))]
    assert ids(store, limit=1) == ["m9"]


def test_messages_left_in_the_same_instant_are_all_paged(store: Store) -> None:
    for name in "abcde":
        leave(store, name, ago_s=500.0)
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE messages SET left_at = 1000.25"))
    found, after = [], ""
    while page := ids(store, limit=2, after=after):
        found += page
        after = page[-1]
    assert sorted(found) == list("abcde") and len(found) == 5


def test_what_is_wanted_is_found(store: Store) -> None:
    leave(store, "old", ago_s=9000.0)
    leave(store, "fr", lang="fr", ago_s=50.0)
    leave(store, "urgent", urgency="passport", ago_s=20.0)
    inbox.change(store, "fr", "take", "Ana")
    left_at = inbox.one(store, "fr").left_at
    assert ids(store) == ["urgent", "fr", "old"]
    assert ids(store, MessageFilter(state="taken")) == ids(store, MessageFilter(lang="fr")) == ["fr"]
    assert ids(store, MessageFilter(owner="Ana", state="taken")) == ["fr"]
    assert ids(store, MessageFilter(urgent=True)) == ["urgent"] and ids(
        store, MessageFilter(urgent=False)
    ) == ["fr", "old"]
    assert ids(store, MessageFilter(since=left_at)) == ["urgent", "fr"] and ids(
        store, MessageFilter(until=left_at)
    ) == ["old"]


def test_what_is_not_there_is_said(store: Store) -> None:
    for attempt in (
        lambda: inbox.one(store, "m1"),
        lambda: inbox.change(store, "m1", "take", "Ana"),
        lambda: inbox.add_note(store, "m1", "Ana", "x"),
        lambda: inbox.page(store, MessageFilter(), 5, after="m1"),
    ):
        with pytest.raises(NotStored, match="no message m1"):
            attempt()


def test_a_transcript_that_comes_later_changes_nothing_that_people_did(store: Store) -> None:
    leave(store, "m1", None)
    inbox.change(store, "m1", "take", "Ana")
    transcribe(store, "m1", "my passport is gone", "passport")
    row = inbox.one(store, "m1")
    assert (row.state, row.owner, row.urgency) == ("taken", "Ana", "passport")
    assert (row.transcript, row.transcribed) == ("my passport is gone", 1)


def test_an_error_of_the_store_holds_nothing_of_the_callers(store: Store) -> None:
    leave(store, "m1")
    row = {**asdict(inbox.one(store, "m1")), "transcript": "my passport is gone"}
    with pytest.raises(IntegrityError) as refused, store.begin() as connection:
        connection.execute(messages.insert().values(**row))
    assert "passport" not in str(refused.value) and row["number"] not in str(refused.value)
