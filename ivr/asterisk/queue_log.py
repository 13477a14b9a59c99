"""Parses Asterisk's queue log: what becomes of callers who want a person.  Pure.

A line is ``seconds|call|queue|adviser|what|data...``.  app_queue writes its own lines; the dialplan adds those of
``ivr.asterisk.contract.QueueVerb``, for the fallback telephones as well.

Source: https://docs.asterisk.org/Configuration/Applications/Queue-Logs/
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.asterisk.contract import QueueVerb
from ivr.core import events
from ivr.core.vocabulary import Party, QueueExit, TransferDestination, TransferStatus

log = logging.getLogger(__name__)

LEFT: dict[str, QueueExit] = {
    TransferStatus.CALLBACK: QueueExit.CALLBACK,
    TransferStatus.MESSAGE: QueueExit.MESSAGE,
    TransferStatus.TIMEOUT: QueueExit.TIMEOUT,
    "FULL": QueueExit.TIMEOUT,
    TransferStatus.DECLINED: QueueExit.DECLINED,
    TransferStatus.NO_ANSWER: QueueExit.DECLINED,
    TransferStatus.JOIN_EMPTY: QueueExit.EMPTY,
    TransferStatus.LEAVE_EMPTY: QueueExit.EMPTY,
    TransferStatus.JOIN_UNAVAILABLE: QueueExit.EMPTY,
    TransferStatus.LEAVE_UNAVAILABLE: QueueExit.EMPTY,
}
"""Status with which the dialplan returns a caller -> ``QueueLeft.why``."""


@dataclass(frozen=True)
class QueueLogLine:
    """One line: ``at`` is in seconds since 1970, ``what`` names the event, ``data`` are its further fields."""

    at: int
    call_id: str
    queue: str
    adviser: str
    what: str
    data: tuple[str, ...]


def parse(text: str) -> QueueLogLine | None:
    """The line ``text`` of the log; None when it is not one."""
    at, *rest = text.rstrip("\n").split("|")
    if not at.isdecimal() or len(rest) < 4:
        return None
    call_id, queue, adviser, what, *data = rest
    return QueueLogLine(int(at), call_id, queue, adviser, what, tuple(data))


@dataclass
class _Call:
    wanted: float
    told_s: float
    answered: float
    talking: dict[str, int] = field(default_factory=dict)
    declined: bool = False


class QueueLogParser:
    """Turns lines into events; it remembers the calls that wait or talk.

    names: id of an adviser in the dialplan -> their name.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._calls: dict[str, _Call] = {}
        self._answered: dict[str, float] = {}

    def seconds(self, line: QueueLogLine) -> float:
        """Whole seconds from the answer of the line's call to the line."""
        return max(0.0, line.at - self._answered.get(line.call_id, line.at))

    def read(self, line: QueueLogLine) -> Iterator[events.Event]:
        """The events that a line means; none for a line that cannot be read."""
        try:
            yield from self._read(line)
        except (IndexError, ValueError) as error:  # numbers and names in it come from the network
            log.warning(
                "queue log: a line %r cannot be read (%s); it is left out", line.what, type(error).__name__
            )

    def _read(self, line: QueueLogLine) -> Iterator[events.Event]:
        if line.what == QueueVerb.WANTED:
            self._calls[line.call_id] = _wanted(line)
            self._answered[line.call_id] = self._calls[line.call_id].answered
            if line.queue in (TransferDestination.ON_CALL, TransferDestination.OVERFLOW):
                yield events.Queued(line.queue, 1, 0.0)
            return
        call = self._calls.get(line.call_id)
        if call is None:
            return
        waited = round(max(0.0, line.at - call.wanted), 1)
        name = self._names.get(line.adviser, line.adviser)
        match line.what:
            case "ENTERQUEUE":
                yield events.Queued(line.queue, _place(line.data), call.told_s)
            case QueueVerb.RINGING:
                yield events.Ringing(name)
            case QueueVerb.ACCEPTED:
                call.talking[line.adviser] = line.at
                yield events.PersonAnswered(name, waited)
            case QueueVerb.OVER if line.adviser in call.talking:
                seconds = float(line.at - call.talking.pop(line.adviser))
                by = Party(line.data[0])
                if by is Party.CALLER:
                    del self._calls[line.call_id]
                yield events.PersonLeft(name, seconds, by)
            case QueueVerb.DECLINED:
                call.declined = True
            case "ABANDON" if not call.declined:  # otherwise BACK follows
                del self._calls[line.call_id]
                yield events.QueueLeft(QueueExit.HANG_UP, waited)
            case QueueVerb.BACK:
                del self._calls[line.call_id]
                if line.data and line.data[0] in LEFT:
                    yield events.QueueLeft(LEFT[line.data[0]], waited)


def _wanted(line: QueueLogLine) -> _Call:
    """The start of a wait.  Data: time in ms since 1970, announced wait in s, time of the answer in s."""
    wanted, told, answered = (*line.data, "", "", "")[:3]
    return _Call(_number(wanted, line.at * 1000) / 1000, _number(told, 0), _number(answered, line.at))


def _place(data: Sequence[str]) -> int:
    """The place in the queue.  Data: URL, the caller's number, place; a number may hold the separator itself."""
    return int(_number(data[-1], 1)) if len(data) >= 3 else 1


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise
