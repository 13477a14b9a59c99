"""The way to a person: who may be reached, how long that takes, and what came of it.  Pure.

The ringing itself is the dialplan's (``dialplans/asterisk/extensions.conf``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ivr.content.callflow import Adviser, Callflow
from ivr.content.callflow.opening import within
from ivr.content.callflow.wait_estimate import queue_of
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
URGENT_FIRST, CUT_OFF_FIRST = 10, 5
"""Priority of emergencies and lost children, and of those whose talk with an adviser broke off."""
CHILD = frozenset("enfant fils fille child kid son daughter nino nina hijo hija kind sohn tochter bambino bambina"
                  " figlio figlia".split())  # fmt: skip


@dataclass(frozen=True)
class TransferTarget:
    """Where a caller is put through to, and what is known about him.

    ``then``: a second destination if ``target`` fails, or empty;
    ``topic``: an intent, or empty; ``told_s``: the seconds of waiting he was told; ``first`` above 0: before
    the others.
    """

    target: TransferDestination
    lang: str
    why: PersonReason
    topic: str = ""
    told_s: float = 0.0
    first: int = 0
    then: TransferDestination | None = None

    @property
    def queue(self) -> str:
        """The name under which it stands in the queue's log."""
        return queue_of(self.lang) if self.target == TransferDestination.QUEUE else self.target


def advisers(callflow: Callflow, lang: str) -> tuple[Adviser, ...]:
    """Advisers who speak ``lang``, in the order of the file."""
    return tuple(adviser for adviser in callflow.advisers if lang in adviser.languages)


def spares(callflow: Callflow, moment: dt.datetime) -> tuple[TransferDestination, ...]:
    """Whom to ring at ``moment`` when no adviser is there, in their order."""
    both = {
        TransferDestination.ON_CALL: callflow.on_call,
        TransferDestination.OVERFLOW: callflow.overflow,
    }
    return tuple(name for name, spare in both.items() if spare.given and within(spare.hours, moment))


def is_about_a_child(text: str) -> bool:
    """Whether a cry for help is about a child."""
    return not CHILD.isdisjoint(normalise(text).split())
