"""Which callbacks are due: simulated days on the real store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.console.jobs import callback_schedule
from ivr.content.callflow import CallbackSettings, Hours, Weekly
from ivr.content.callflow.opening import intervals
from ivr.core.events import CallbackWanted, CallStarted, Stamped
from ivr.store import callbacks
from ivr.store.callbacks import Settled
from ivr.store.database import Store
from ivr.store.states import CallbackState
from ivr.store.writer import write
from tests.store.calls import PSEUDONYMS

pytestmark = pytest.mark.slow

PARIS = ZoneInfo("Europe/Paris")
NUMBER = "+33612345678"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HOURS = Hours(weekly=Weekly(**{day: [] if day == "sunday" else ["09:00-18:00"] for day in DAYS}))
RULES = CallbackSettings()


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=PARIS)


def ask(store: Store, id: str = "c1", start: str = "2026-11-24T11:00", end: str = "2026-11-24T12:00",
        number: str = NUMBER) -> None:  # fmt: skip
    """Store a caller's request for a callback."""
    wanted = CallbackWanted(id, number, "en", at(start).timestamp(), at(end).timestamp(), "louvre.price")
    story = [Stamped(f"call-{id}", 1, 0.0, CallStarted(number, "accueil", "accueil-1")),
             Stamped(f"call-{id}", 2, 9.0, wanted)]  # fmt: skip
    write(store, story, PSEUDONYMS)


@dataclass
class Day:
    """A day in steps of a minute; ``answers`` returns the result of each attempt, None if no adviser is free."""

    store: Store
    now: dt.datetime
    answers: Callable[[int], str | None]
    rules: CallbackSettings = RULES
    log: list[tuple[str, str]] = field(default_factory=list)
    calls: int = 0

    def run(self, until: str) -> None:
        while self.now < at(until):
            tasks = callbacks.pending(self.store)
            for decision in callback_schedule.due(
                tasks, self.now, self.rules, lambda day: intervals(HOURS, day)
            ):
                self.act(decision)
            self.now += dt.timedelta(minutes=1)

    def act(self, decision: callback_schedule.ScheduleDecision) -> None:
        match decision:
            case callback_schedule.PlaceCall(id=id):
                self.call(id)
            case callback_schedule.Move(id=id, window=window):
                self.note(f"moved to {window.start:%a %H:%M}")
                callbacks.move(self.store, id, window.start.timestamp(), window.end.timestamp())
            case callback_schedule.Close(id=id, why=why):
                self.note(why)
                callbacks.close(self.store, id, why)

    def call(self, id: str) -> None:
        result = self.answers(self.calls)
        if result is None:
            return
        self.calls += 1
        attempt = callbacks.begin(self.store, id, "desk", self.now.timestamp())
        assert attempt is not None
        self.note(result)
        later = self.now + dt.timedelta(minutes=self.rules.pause_min)
        state = CallbackState.DONE if result == "talked" else CallbackState.OPEN
        callbacks.settle(self.store, id, attempt, Settled(result, state, 63.0, later.timestamp()))

    def note(self, what: str) -> None:
        self.log.append((f"{self.now:%d %H:%M}", what))


def day(
    store: Store, *results: str | None, rules: CallbackSettings = RULES, start: str = "2026-11-24T10:00"
) -> Day:
    """A day whose attempts end with ``results`` in order; the last result repeats."""
    return Day(store, at(start), lambda nth: results[min(nth, len(results) - 1)], rules)


def test_nothing_happens_before_the_window_and_after_the_conversation(store: Store) -> None:
    ask(store)
    passing = day(store, "talked")
    passing.run("2026-11-26T10:00")
    assert passing.log == [("24 11:00", "talked")]
    row = callbacks.one(store, "c1")
    assert (row.state, row.attempts, row.owner) == ("done", 1, "desk")
    [tried] = callbacks.attempts_of(store, "c1")
    assert (tried.result, tried.seconds) == ("talked", 63.0)


def test_three_attempts_with_pauses_then_closed_with_a_reason(store: Store) -> None:
    ask(store)
    passing = day(store, "no-answer", "busy", "no-answer")
    passing.run("2026-11-26T10:00")
    assert passing.log == [
        ("24 11:00", "no-answer"), ("24 11:15", "busy"), ("24 11:30", "no-answer"),
        ("24 11:31", "no answer, 3 attempts"),
    ]  # fmt: skip
    assert callbacks.one(store, "c1").state == "closed"


def test_an_adviser_who_does_not_take_it_costs_the_caller_no_attempt(store: Store) -> None:
    ask(store)
    passing = day(store, "no-adviser", "declined", "interrupted", "talked")
    passing.run("2026-11-26T10:00")
    assert [what for _, what in passing.log] == ["no-adviser", "declined", "interrupted", "talked"]
    assert callbacks.one(store, "c1").attempts == 1


def test_a_window_that_passes_without_a_free_adviser_is_followed_by_the_next_and_then_closed(
    store: Store,
) -> None:
    ask(store)
    passing = day(store, None)
    passing.run("2026-11-27T10:00")
    assert passing.log == [
        ("24 12:00", "moved to Tue 12:00"), ("24 13:00", "moved to Tue 13:00"),
        ("24 14:00", "not reached in 3 windows"),
    ]  # fmt: skip


def test_a_callback_left_on_saturday_evening_is_called_on_monday(store: Store) -> None:
    ask(store, start="2026-11-28T17:00", end="2026-11-28T18:00")
    passing = day(
        store, "no-answer", "talked", rules=CallbackSettings(pause_min=120), start="2026-11-28T10:00"
    )
    passing.run("2026-12-01T10:00")
    assert passing.log == [
        ("28 17:00", "no-answer"), ("28 18:00", "moved to Mon 09:00"), ("30 09:00", "talked"),
    ]  # fmt: skip


def test_nobody_is_rung_outside_the_hours_even_inside_a_window(store: Store) -> None:
    ask(store, start="2026-11-24T17:00", end="2026-11-24T20:00")
    passing = day(store, "no-answer", "talked", rules=CallbackSettings(pause_min=90))
    passing.run("2026-11-26T10:00")
    assert passing.log == [
        ("24 17:00", "no-answer"), ("24 20:00", "moved to Wed 09:00"), ("25 09:00", "talked"),
    ]  # fmt: skip


def test_a_change_of_the_clock_does_not_shift_a_window(store: Store) -> None:
    ask(store, start="2026-10-26T09:00", end="2026-10-26T10:00")
    passing = day(store, "talked", start="2026-10-24T20:00")
    passing.run("2026-10-27T10:00")
    assert passing.log == [("26 09:00", "talked")]


def test_a_callback_taken_by_a_person_is_left_alone(store: Store) -> None:
    ask(store)
    callbacks.take(store, "c1", "Ana")
    passing = day(store, "talked")
    passing.run("2026-11-27T10:00")
    assert passing.log == [] and callbacks.one(store, "c1").state == "open"


@pytest.mark.parametrize("number", ["+33892700900", "+18765551234", "112", PSEUDONYMS.of(NUMBER)])
def test_a_forbidden_number_in_the_store_is_not_called(store: Store, number: str) -> None:
    ask(store, number=number)
    passing = day(store, "talked")
    passing.run("2026-11-24T13:00")
    assert [what for _, what in passing.log] == [
        "this number is not called: see callback.countries and callback.refused"
    ]


def test_the_earlier_window_first(store: Store) -> None:
    ask(store, "late", "2026-11-24T11:30", "2026-11-24T12:30")
    ask(store, "early")
    now = at("2026-11-24T11:45")
    decisions: list[Any] = callback_schedule.due(
        callbacks.pending(store), now, RULES, lambda day: intervals(HOURS, day)
    )
    assert [decision.id for decision in decisions] == ["early", "late"]
