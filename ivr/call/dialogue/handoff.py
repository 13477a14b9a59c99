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

SERVED, CALLBACK, MESSAGE = "CONTINUE", "CALLBACK", "MESSAGE"
"""What the dialplan says of a caller it gives back: he talked to a person, or pressed a key while he waited."""
DECLINED, TIMEOUT, NO_ANSWER = "DECLINED", "TIMEOUT", "NOANSWER"
"""The same: all who are there refused him, none took him in the longest wait, no spare telephone took him."""
LOST = "LOST"
"""The same: the worker that had him is dead."""
EMPTY = frozenset({"JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL"})
"""The same: no adviser is there."""
QUEUE, ON_CALL, OVERFLOW = "queue", "oncall", "overflow"
"""Where the dialplan takes him."""
URGENT_FIRST, CUT_OFF_FIRST = 10, 5
"""Priority of emergencies and lost children, and of those whose talk with an adviser broke off."""
CHILD = frozenset("enfant fils fille child kid son daughter nino nina hijo hija kind sohn tochter bambino bambina"
                  " figlio figlia".split())  # fmt: skip


@dataclass(frozen=True)
class TransferTarget:
    """Where a caller is put through to, and what is known about him.

    ``target``: QUEUE, ON_CALL or OVERFLOW, ``then``: a second one if that fails; ``why``: as in PersonWanted;
    ``topic``: an intent, or empty; ``told_s``: the seconds of waiting he was told; ``first`` above 0: before
    the others.
    """

    target: str
    lang: str
    why: str
    topic: str = ""
    told_s: float = 0.0
    first: int = 0
    then: str = ""

    @property
    def queue(self) -> str:
        """The name under which it stands in the queue's log."""
        return queue_of(self.lang) if self.target == QUEUE else self.target


def advisers(callflow: Callflow, lang: str) -> tuple[Adviser, ...]:
    """Advisers who speak ``lang``, in the order of the file."""
    return tuple(adviser for adviser in callflow.advisers if lang in adviser.languages)


def spares(callflow: Callflow, moment: dt.datetime) -> tuple[str, ...]:
    """Whom to ring at ``moment`` when no adviser is there, in their order."""
    both = {ON_CALL: callflow.on_call, OVERFLOW: callflow.overflow}
    return tuple(name for name, spare in both.items() if spare.given and within(spare.hours, moment))


def is_about_a_child(text: str) -> bool:
    """Whether a cry for help is about a child."""
    return not CHILD.isdisjoint(normalise(text).split())


def was_served(status: str) -> bool:
    """Whether a caller who comes back with ``status`` has talked to a person."""
    return status == SERVED
