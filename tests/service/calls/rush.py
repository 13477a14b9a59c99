"""Twenty callers for two advisers: the order is kept, no call is lost, and announced waits are right.

A drill of five minutes for a quiet machine, run by name: ``pytest tests/service/calls/rush.py -s``.  It prints what
each caller was told and how long they waited (docs/advisers.md).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from dataclasses import dataclass, replace

import pytest

from ivr.core import events
from ivr.simulator.adviser import AdviserPlan
from ivr.speech.caller_voices import caller_wav
from tests.service.calls import words
from tests.service.calls.counting import by_hand
from tests.service.calls.running_service import RunningService
from tests.service.calls.words import ENGLISH

pytestmark = pytest.mark.asterisk

CALLERS, AT_THE_MENU, BEFORE = 20, 3, 4
PATIENCE_S = 330.0
PLAN = AdviserPlan(after_s=1.5, keys_after_s=2.0, hang_up_after_s=2.5)
TURN_S = 2.0
"""app_queue lets each caller look once a second whether it is their turn: where two advisers are free at a time, the
second in line may look, and ring, before the first."""
LOG_S = 1.5
"""The queue log counts in seconds: of two who join within one second it does not tell who was first."""
NEAR, NEAR_S = 0.3, 6.0
"""The time that is told is right if it is so near to the real one: as a share of it, or in seconds."""


@dataclass(frozen=True)
class Wait:
    """One caller's wait: when they joined and when it first rang (seconds since 1970), announced and real seconds."""

    joined: float
    rung: float
    told_s: float
    real_s: float

    @property
    def near(self) -> bool:
        """Whether the announced wait was right."""
        return abs(self.told_s - self.real_s) <= max(NEAR * self.real_s, NEAR_S)


async def test_twenty_callers_for_two_advisers(hall: RunningService) -> None:
    plan = replace(PLAN, say=(caller_wav("en", words.ADVISER_EN),))
    menu = asyncio.Semaphore(AT_THE_MENU)
    async with hall.adviser(plan), hall.adviser(plan, "second"):
        async with asyncio.TaskGroup() as calls:  # so that it is known how long callers take
            for _ in range(BEFORE):
                calls.create_task(waits(hall, menu))
        async with asyncio.TaskGroup() as calls:
            everybody = [calls.create_task(waits(hall, menu)) for _ in range(CALLERS)]
    all_waits = sorted((call.result() for call in everybody), key=lambda wait: wait.joined)
    told = [wait for wait in all_waits if wait.told_s]
    ratios = [wait.told_s / max(wait.real_s, 1.0) for wait in told]
    near = sum(wait.near for wait in told)
    first = all_waits[0].joined
    lines = [
        f"after {wait.joined - first:5.1f} s: told {wait.told_s:3.0f} s, waited {wait.real_s:3.0f} s"
        for wait in all_waits
    ]
    lines.append(f"{near} of {len(told)} near, told / real: median {statistics.median(ratios):.2f}")
    early = [
        before.rung - wait.rung
        for wait in all_waits
        for before in all_waits
        if wait.joined - before.joined > LOG_S
    ]
    lines.append(f"rung for before one who had come earlier: at most {max(0.0, *early):.1f} s")
    sys.stderr.write("\n".join(["", *lines, ""]))
    assert max(early) <= TURN_S, "somebody was rung for before one who had waited longer"
    assert len(told) >= CALLERS - 4
    assert 1 - NEAR < statistics.median(ratios) < 1 + NEAR
    assert near >= 0.8 * len(told)
    await hall.empty()
    [found] = [row for row in await hall.rows("report", "--since", "1d") if row["by"] == "all"]
    counted = by_hand(await hall.store.stories())
    assert counted["answered"] == BEFORE + CALLERS and {name: found[name] for name in counted} == counted


async def waits(hall: RunningService, menu: asyncio.Semaphore) -> Wait:
    """Asks for a person, waits, talks until the adviser hangs up."""
    async with menu:
        calling = hall.call("en", ENGLISH.prefix)
        caller = await calling.__aenter__()
        await caller.press(ENGLISH.key)
        await caller.listen(0.5)
        await caller.press("0")
        await caller.until(events.Queued, timeout_s=PATIENCE_S)
    try:
        await caller.until(events.PersonLeft, timeout_s=PATIENCE_S)
        await caller.hang_up()
    finally:
        await calling.__aexit__(None, None, None)
    _, story = await hall.store.finished(caller.number, recording=False)
    at = {type(item.event): item for item in reversed(story)}
    joined, answered = at[events.Queued], at[events.PersonAnswered]
    assert isinstance(joined.event, events.Queued)
    return Wait(joined.at, at[events.Ringing].at, joined.event.told_s, answered.at - joined.at)
