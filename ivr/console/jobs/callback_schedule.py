"""Which callbacks are due, which have missed their window, which are given up.  Pure: tasks and the time in,
decisions out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.content.callflow import CallbackSettings
from ivr.content.callflow.callback_windows import CallbackWindow, OpenOn, following
from ivr.store.rows import CallbackRow

OPEN = "open"


@dataclass(frozen=True)
class PlaceCall:
    """Call now, if an adviser is free."""

    id: str


@dataclass(frozen=True)
class Move:
    """Nobody called in the window that was promised: the next one."""

    id: str
    window: CallbackWindow


@dataclass(frozen=True)
class Close:
    """Given up; ``why`` for the office."""

    id: str
    why: str


ScheduleDecision = PlaceCall | Move | Close


def due(
    tasks: Iterable[CallbackRow], now: dt.datetime, rules: CallbackSettings, open_on: OpenOn
) -> list[ScheduleDecision]:
    """What to do now about each task, in their order; nothing for most.

    ``now`` in the office's zone.  A task that a person has taken, or that is being called, is left alone.
    """
    found = (_decide(task, now, rules, open_on) for task in tasks if task.state == OPEN and not task.owner)
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
        return _after_the_window(task, now, rules, open_on)
    if task.start <= moment and task.next_at <= moment and _is_open(now, open_on):
        return PlaceCall(task.id)
    return None


def _after_the_window(
    task: CallbackRow, now: dt.datetime, rules: CallbackSettings, open_on: OpenOn
) -> ScheduleDecision:
    """The next window that begins after now; so often only, and then the office knows."""
    if task.moves >= rules.moves:
        return Close(task.id, f"not reached in {task.moves + 1} windows")
    notice, length = dt.timedelta(0), dt.timedelta(hours=rules.window_h)
    window = following(open_on, now, notice=notice, length=length)
    if window is None:
        return Close(task.id, "the office does not open in the days ahead")
    return Move(task.id, window)


def _is_open(now: dt.datetime, open_on: OpenOn) -> bool:
    near = (now.date() - dt.timedelta(days=1), now.date())  # yesterday's hours may cross midnight
    return any(start <= now < end for day in near for start, end in open_on(day))
