"""Decides which callbacks are due, which move to the next window and which are given up.  No input or output."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.content.callflow import CallbackSettings
from ivr.content.callflow.callback_windows import CallbackWindow, OpenOn, following
from ivr.store.rows import CallbackRow
from ivr.store.states import CallbackState


@dataclass(frozen=True)
class PlaceCall:
    """Call now if an adviser is free."""

    id: str


@dataclass(frozen=True)
class Move:
    """Move to ``window``, because nobody called in the promised one."""

    id: str
    window: CallbackWindow


@dataclass(frozen=True)
class Close:
    """Give up; ``why`` is a reason for the staff."""

    id: str
    why: str


ScheduleDecision = PlaceCall | Move | Close


def due(
    tasks: Iterable[CallbackRow], now: dt.datetime, rules: CallbackSettings, open_on: OpenOn
) -> list[ScheduleDecision]:
    """Decide what to do now about the tasks, in their order; most need nothing.

    tasks: callbacks from the store.  Those that a person has taken, or that are being called, are left alone.
    now: time in the office's zone.
    rules: the ``callback`` section of callflow.yml.
    open_on: opening intervals of a day.
    """
    found = (
        _decide(task, now, rules, open_on)
        for task in tasks
        if task.state == CallbackState.OPEN and not task.owner
    )
    return [decision for decision in found if decision is not None]


def _decide(
    task: CallbackRow, now: dt.datetime, rules: CallbackSettings, open_on: OpenOn
) -> ScheduleDecision | None:
    moment = now.timestamp()
    if not rules.allows(task.number):
        return Close(task.id, "this number is not called: see callback.countries and callback.refused")
    if task.attempts >= rules.attempts:
        return Close(task.id, f"no answer, {task.attempts} attempts")
    if moment >= task.end:
        return _move_or_close(task, now, rules, open_on)
    if task.start <= moment and task.next_at <= moment and _is_open(now, open_on):
        return PlaceCall(task.id)
    return None


def _move_or_close(
    task: CallbackRow, now: dt.datetime, rules: CallbackSettings, open_on: OpenOn
) -> ScheduleDecision:
    """Move to the next window after now; after ``rules.moves`` moves the callback is closed."""
    if task.moves >= rules.moves:
        return Close(task.id, f"not reached in {task.moves + 1} windows")
    notice, length = dt.timedelta(0), dt.timedelta(hours=rules.window_h)
    window = following(open_on, now, notice=notice, length=length)
    if window is None:
        return Close(task.id, "the office does not open in the days ahead")
    return Move(task.id, window)


def _is_open(now: dt.datetime, open_on: OpenOn) -> bool:
    days = (now.date() - dt.timedelta(days=1), now.date())  # yesterday's hours may cross midnight
    return any(start <= now < end for day in days for start, end in open_on(day))
