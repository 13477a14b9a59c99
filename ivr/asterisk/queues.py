"""Reads Asterisk's queues, and sets the states of advisers, over AMI."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.asterisk.ami import Ami, Fields
from ivr.asterisk.config import ARI_USER
from ivr.asterisk.contract import AstDbFamily, HandlingKey, interface
from ivr.core.errors import AmiError
from ivr.core.settings import Settings
from ivr.core.vocabulary import AdviserState

log = logging.getLogger(__name__)

SETTABLE = (AdviserState.AVAILABLE, AdviserState.PAUSED, AdviserState.AWAY)
"""The states that can be set, by an adviser or by the console."""
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
    """An adviser as the queues see them.

    id: their name in the dialplan.
    queues: the queues that they serve.
    calls: number of calls that they have taken.
    rests_s: seconds of wrap-up time that are left.
    """

    id: str
    state: AdviserState
    queues: tuple[str, ...]
    calls: int
    rests_s: float = 0.0


@dataclass(frozen=True)
class WaitingCaller:
    """A caller who waits.

    place: from 1.
    seconds: how long they have waited.
    channel: name of their channel.
    first: priority; above 0 they come before the others.
    """

    call_id: str
    queue: str
    place: int
    seconds: int
    channel: str = ""
    first: int = 0


def connect(settings: Settings) -> Ami:
    """A client for this instance, to be entered by ``async with``."""
    return Ami(settings.ami_port, ARI_USER, settings.secrets["AMI_PASSWORD"], settings.asterisk_host)


async def queue_status(ami: Ami) -> tuple[list[Member], list[WaitingCaller]]:
    """Advisers, sorted by id, and waiting callers in the order in which they are served.

    A caller whose entry cannot be read is left out.  Raises AmiError, also for an adviser who cannot be read.
    """
    found = await ami.listing("QueueStatus")
    read = [_waiting(item) for item in found if item.get("Event") == "QueueEntry"]
    waiting = [one for one in read if one is not None]
    try:
        advisers = members(found, time.time())
    except (KeyError, ValueError) as error:
        raise AmiError(f"Asterisk's account of an adviser cannot be read: {error!r}") from None
    return advisers, sorted(waiting, key=lambda one: (-one.first, -one.seconds, one.place))


async def handling_times(ami: Ami) -> tuple[int, float, float]:
    """How long recent callers have taken advisers, as the dialplan measures it.

    Returns the number of callers (20 at most), the mean in seconds, and the mean of the squares; all are 0 before the
    first caller.  Raises AmiError.
    """
    found = {item["Key"]: item["Val"] for item in await ami.listing("DBGetTree", Family=AstDbFamily.HANDLED)}
    callers, mean, square = (float(found.get(f"/{AstDbFamily.HANDLED}/{key}", "0")) for key in HandlingKey)
    return int(callers), mean, square


def _waiting(item: Fields) -> WaitingCaller | None:
    """The caller of a QueueEntry; None where it cannot be read: names and numbers in it come from the network."""
    try:
        return WaitingCaller(
            item["Uniqueid"], item["Queue"], int(item["Position"]), int(item["Wait"]), item["Channel"],
            int(item.get("Priority", "0") or 0),
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        log.warning("a caller in the queue cannot be read (%s); they are left out", type(error).__name__)
        return None


async def set_state(ami: Ami, id: str, state: AdviserState) -> None:
    """Set the state of an adviser in all their queues; it survives a restart of Asterisk.  Raises AmiError.

    id: the adviser's name in the dialplan.
    state: one of ``SETTABLE``.
    """
    assert state in SETTABLE
    paused = "false" if state == AdviserState.AVAILABLE else "true"
    await ami.action("QueuePause", Interface=interface(id), Paused=paused, Reason=state)
    await ami.action("DBPut", Family=AstDbFamily.ADVISER, Key=id, Val=state)
    await ami.action("DBPut", Family=AstDbFamily.MISSED, Key=id, Val="0")


def members(found: Iterable[Fields], now: float) -> list[Member]:
    """The advisers in the events of QueueStatus, sorted by id.  Pure.

    now: seconds since 1970.
    """
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
    """Seconds of wrap-up time that are left; negative when it is over."""
    return max(int(row["LastCall"]) for row in own) + int(own[0].get("Wrapuptime", "0") or 0) - now
