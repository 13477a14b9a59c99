"""Callbacks in the store: made once, changed by one at a time, counted for the limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ivr.core.errors import NotStored, Refused
from ivr.core.events import CallbackWanted, CallStarted, Stamped
from ivr.store import callbacks, retention
from ivr.store.callback_quota import CallbackQuota
from ivr.store.callbacks import Settled
from ivr.store.database import Store
from ivr.store.states import CallbackState
from ivr.store.writer import write
from tests.store.calls import PSEUDONYMS

NUMBER, OTHER = "+33612345678", "+33140205050"


def ask(
    store: Store, id: str, number: str = NUMBER, caller: str = "0612345678", at: float | None = None
) -> None:
    """A call from ``caller`` in which somebody asks to be called at ``number``."""
    now = int((time.time() if at is None else at) * 1e9)
    story = [
        Stamped(f"call-{id}", now, 0.0, CallStarted(caller, "accueil", "accueil-1")),
        Stamped(f"call-{id}", now + 1, 9.0, CallbackWanted(id, number, "fr", 1000.0, 4600.0, "")),
    ]
    for _ in range(2):  # a journal that is read twice
        write(store, story, PSEUDONYMS)


def test_the_event_makes_a_task_with_the_number_in_clear_and_nowhere_else(store: Store) -> None:
    ask(store, "c1")
    row = callbacks.one(store, "c1")
    assert (row.number, row.lang, row.start, row.end) == (NUMBER, "fr", 1000.0, 4600.0)
    assert (row.state, row.owner, row.attempts, row.call_id) == (CallbackState.OPEN, "", 0, "call-c1")
    with store.connect() as connection:
        bodies = " ".join(connection.scalars(sa.text("SELECT body FROM events")))
    assert NUMBER not in bodies and "612345678" not in bodies


def test_a_beginning_that_is_unique_is_enough(store: Store) -> None:
    ask(store, "abc1")
    ask(store, "abd1")
    assert callbacks.one(store, "abc").id == "abc1"
    for wrong in ("ab", "x", "", "%"):
        with pytest.raises(NotStored):
            callbacks.one(store, wrong)


def test_open_ones_first_by_their_window_then_ended_ones(store: Store) -> None:
    for id in ("a", "b", "c"):
        ask(store, id)
    callbacks.move(store, "a", 9000.0, 9900.0)
    callbacks.finish(store, "b", "Ana", "spoke with her", done=True)
    assert [row.id for row in callbacks.listed(store)] == ["c", "a", "b"]
    assert [row.id for row in callbacks.listed(store, CallbackState.DONE)] == ["b"]
    assert [row.id for row in callbacks.pending(store)] == ["c", "a"]


def test_of_two_who_take_it_one_gets_it(store: Store) -> None:
    ask(store, "c1")
    refused: list[str] = []

    def take(by: str) -> None:
        try:
            callbacks.take(store, "c1", by)
        except Refused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=take, args=(name,)) for name in ("Ana", "Ben", "Cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner = callbacks.one(store, "c1").owner
    assert owner in ("Ana", "Ben", "Cleo") and refused == [f"take is not possible: {owner} has taken it"] * 2


def test_a_person_and_the_engine_do_not_both_call(store: Store) -> None:
    ask(store, "c1")
    attempt = callbacks.begin(store, "c1", "desk", 1.0)
    assert attempt is not None and callbacks.begin(store, "c1", "other", 1.0) is None
    changes: list[Callable[[], None]] = [
        lambda: callbacks.take(store, "c1", "Ana"),
        lambda: callbacks.release(store, "c1"),
        lambda: callbacks.finish(store, "c1", "Ana", "x", done=True),
    ]
    for late in changes:
        with pytest.raises(Refused, match="being called just now"):
            late()
    callbacks.settle(store, "c1", attempt, Settled("busy", CallbackState.OPEN, next_at=50.0))
    callbacks.take(store, "c1", "Ana")
    assert callbacks.begin(store, "c1", "desk", 60.0) is None


def test_settling_twice_counts_once(store: Store) -> None:
    ask(store, "c1")
    attempt = callbacks.begin(store, "c1", "desk", 1.0)
    assert attempt is not None
    for result in ("no-answer", "talked"):
        callbacks.settle(store, "c1", attempt, Settled(result, CallbackState.OPEN, next_at=50.0))
    row = callbacks.one(store, "c1")
    assert (row.state, row.attempts, row.next_at) == (CallbackState.OPEN, 1, 50.0)
    assert [tried.result for tried in callbacks.attempts_of(store, "c1")] == ["no-answer"]


@pytest.mark.parametrize("change", [
    lambda store: callbacks.take(store, "c1", "Ana"),
    lambda store: callbacks.release(store, "c1"),
    lambda store: callbacks.finish(store, "c1", "Ana", "again", done=True),
])  # fmt: skip
def test_what_has_ended_stays_so(store: Store, change: Callable[[Store], None]) -> None:
    ask(store, "c1")
    callbacks.finish(store, "c1", "Ana", "wrong number", done=False)
    with pytest.raises(Refused, match="it is closed"):
        change(store)
    row = callbacks.one(store, "c1")
    assert (row.state, row.owner, row.outcome) == (CallbackState.CLOSED, "Ana", "wrong number")


def test_the_limit_counts_the_called_number_and_the_caller_whichever_way_his_was_shown(
    store: Store, database: str
) -> None:
    asked = CallbackQuota(store, PSEUDONYMS, "+33")
    ask(store, "c1", caller="0612345678")
    ask(store, "c2", caller="+33612345678", number=OTHER)
    ask(store, "c3", caller="0033612345678", number=OTHER)
    ask(store, "old", at=time.time() - 2 * 86_400)
    asked.read()
    assert asked.count(NUMBER) == 3 and asked.count(OTHER) == 2 and asked.count("+33781234567") == 0
    assert asked.elsewhere() == 2


@pytest.mark.parametrize("done", [True, False])
def test_an_ended_callback_is_opened_again_with_all_its_attempts(store: Store, *, done: bool) -> None:
    ask(store, "c1")
    callbacks.finish(store, "c1", "Ana", "a mailbox", done=done)
    callbacks.reopen(store, "c1")
    row = callbacks.one(store, "c1")
    assert (row.state, row.owner, row.outcome, row.attempts, row.moves, row.ended_at) == (
        CallbackState.OPEN, "", "", 0, 0, None,
    )  # fmt: skip
    with pytest.raises(Refused, match="it is open"):
        callbacks.reopen(store, "c1")


def test_a_callback_whose_number_is_deleted_stays_ended(store: Store) -> None:
    ask(store, "c1")
    callbacks.finish(store, "c1", "Ana", "done", done=True)
    retention.numbers(store, time.time() + 1, PSEUDONYMS)
    with pytest.raises(Refused, match="not kept any more"):
        callbacks.reopen(store, "c1")
