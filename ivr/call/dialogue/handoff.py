"""Transfers to a person: who can be reached, and with which priority.  Pure.

The dialplan does the ringing (``dialplans/asterisk/extensions.conf``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ivr.content.callflow import Adviser, Callflow
from ivr.content.callflow.opening import within
from ivr.core.pbx_names import queue_of
from ivr.core.text import normalise
from ivr.core.vocabulary import PersonReason, TransferDestination, TransferStatus

EMPTY = frozenset(
    {
        TransferStatus.JOIN_EMPTY,
        TransferStatus.LEAVE_EMPTY,
        TransferStatus.JOIN_UNAVAILABLE,
        TransferStatus.LEAVE_UNAVAILABLE,
    }
)
"""The dialplan gives the caller back because no adviser is logged in."""
URGENT_PRIORITY, CUT_OFF_PRIORITY = 10, 5
"""Queue priorities of emergencies and lost children, and of callers who have talked to an adviser before."""
CHILD = frozenset("enfant fils fille child kid son daughter nino nina hijo hija kind sohn tochter bambino bambina"
                  " figlio figlia".split())  # fmt: skip


@dataclass(frozen=True)
class TransferTarget:
    """Where a caller is put through to, and what is known about them.

    target: the destination in the dialplan.
    lang: the caller's language.
    why: why they want a person.
    topic: the intent they asked about, or empty.
    announced_s: seconds of waiting that were announced; 0: none.
    priority: their place before others in the queue; 0: behind them.
    fallback: a second destination, for when ``target`` does not answer.
    so_far: what the dialogue needs again when the caller comes back.
    """

    target: TransferDestination
    lang: str
    why: PersonReason
    topic: str = ""
    announced_s: float = 0.0
    priority: int = 0
    fallback: TransferDestination | None = None
    so_far: str = ""

    @property
    def queue(self) -> str:
        """The name of the destination in the queue log."""
        return queue_of(self.lang) if self.target == TransferDestination.QUEUE else self.target


def advisers(callflow: Callflow, lang: str) -> tuple[Adviser, ...]:
    """Return the advisers who speak ``lang``, in the order of the file."""
    return tuple(adviser for adviser in callflow.advisers if lang in adviser.languages)


def fallback_phones(callflow: Callflow, moment: dt.datetime) -> tuple[TransferDestination, ...]:
    """Return the telephones that ring at ``moment`` when no adviser is available, in their order."""
    both = {
        TransferDestination.ON_CALL: callflow.on_call,
        TransferDestination.OVERFLOW: callflow.overflow,
    }
    return tuple(name for name, phone in both.items() if phone.given and within(phone.hours, moment))


def is_about_a_child(text: str) -> bool:
    """Whether an emergency is about a child."""
    return not CHILD.isdisjoint(normalise(text).split())
