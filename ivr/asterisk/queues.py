"""The advisers as Asterisk's queues see them, and setting their states."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.asterisk.ami import Ami, Fields
from ivr.asterisk.config import ARI_USER
from ivr.asterisk.contract import AstDbFamily, HandlingKey, interface
from ivr.core.settings import Settings
from ivr.core.vocabulary import AdviserState

SETTABLE = (AdviserState.AVAILABLE, AdviserState.PAUSED, AdviserState.AWAY)
"""The states that advisers, or others for them, set."""
_DEVICE = {
    "2": AdviserState.IN_CALL,
    "3": AdviserState.IN_CALL,
    "4": AdviserState.UNREACHABLE,
    "5": AdviserState.UNREACHABLE,
    "6": AdviserState.RINGING,
    "7": AdviserState.IN_CALL,
    "8": AdviserState.IN_CALL,
}
"""Asterisk's device states (``AST_DEVICE_*``) -> ours."""


@dataclass(frozen=True)
class Member:
    """One adviser by his ``id`` in the dialplan, the ``queues`` he serves, and how many ``calls`` he has taken.

    ``rests_s``: seconds of wrap-up that are left after a call.
    """

    id: str
    state: AdviserState
    queues: tuple[str, ...]
    calls: int
    rests_s: float = 0.0


@dataclass(frozen=True)
class WaitingCaller:
    """A caller who waits: his call, queue, place from 1, seconds, channel; ``first`` above 0: before the others."""

    call_id: str
    queue: str
    place: int
    seconds: int
    channel: str = ""
    first: int = 0


def connect(settings: Settings) -> Ami:
    """A client for this instance; ``async with``."""
    return Ami(settings.ami_port, ARI_USER, settings.secrets["AMI_PASSWORD"], settings.asterisk_host)


async def queue_status(ami: Ami) -> tuple[list[Member], list[WaitingCaller]]:
    """Advisers by their id, and those who wait in the order in which they are served; raises AmiError."""
    found = await ami.listing("QueueStatus")
    waiting = [_waiting(item) for item in found if item.get("Event") == "QueueEntry"]
    return members(found, time.time()), sorted(waiting, key=lambda one: (-one.first, -one.seconds, one.place))


async def handling_times(ami: Ami) -> tuple[int, float, float]:
    """How long callers have taken advisers lately, as the dialplan measures it; raises AmiError.

    How many callers (20 at most), the mean in seconds, and the mean of the squares; all 0 before the first.
    """
    found = {item["Key"]: item["Val"] for item in await ami.listing("DBGetTree", Family=AstDbFamily.HANDLED)}
    callers, mean, square = (float(found.get(f"/{AstDbFamily.HANDLED}/{key}", "0")) for key in HandlingKey)
    return int(callers), mean, square


def _waiting(item: Fields) -> WaitingCaller:
    return WaitingCaller(
        item["Uniqueid"], item["Queue"], int(item["Position"]), int(item["Wait"]), item["Channel"],
        int(item.get("Priority", "0") or 0),
    )  # fmt: skip


async def set_state(ami: Ami, id: str, state: AdviserState) -> None:
    """Set one of SETTABLE in all queues of an adviser, kept over a restart; raises AmiError."""
    assert state in SETTABLE
    paused = "false" if state == AdviserState.AVAILABLE else "true"
    await ami.action("QueuePause", Interface=interface(id), Paused=paused, Reason=state)
    await ami.action("DBPut", Family=AstDbFamily.ADVISER, Key=id, Val=state)
    await ami.action("DBPut", Family=AstDbFamily.MISSED, Key=id, Val="0")


def members(found: Iterable[Fields], now: float) -> list[Member]:
    """From QueueMember events; ``now`` in seconds since 1970.  Pure."""
    rows: dict[str, list[Fields]] = {}
    for item in found:
        if item.get("Event") == "QueueMember":
            rows.setdefault(item["Name"], []).append(item)
    return [_member(id, own, now) for id, own in sorted(rows.items())]


def _member(id: str, own: list[Fields], now: float) -> Member:
    queues = tuple(sorted(row["Queue"] for row in own))
    state, rests = _state(own, now), _rests(own, now)
    return Member(
        id,
        state,
        queues,
        sum(int(row["CallsTaken"]) for row in own),
        rests if state is AdviserState.WRAP_UP else 0.0,
    )


def _state(own: list[Fields], now: float) -> AdviserState:
    first = own[0]
    busy = _DEVICE.get(first["Status"])
    if any(row["InCall"] == "1" for row in own):
        return AdviserState.IN_CALL
    if first["Paused"] == "1":
        reason = first["PausedReason"]
        return AdviserState(reason) if reason in SETTABLE else AdviserState.PAUSED
    if busy:
        return busy
    return AdviserState.WRAP_UP if _rests(own, now) > 0 else AdviserState.AVAILABLE


def _rests(own: list[Fields], now: float) -> float:
    """Seconds of his rest that are left."""
    return max(int(row["LastCall"]) for row in own) + int(own[0].get("Wrapuptime", "0") or 0) - now
