"""Whether a conversation leads anywhere, and whether what is heard is meant for the service.  Pure.

A television, hold music or another machine can hold a call for hours.  Two rules limit it:

Progress
    A question that is answered for the first time is progress; so are an emergency, an agreed callback and a talk
    with an adviser.  An order for a person, a callback or a message is progress, too.  Without progress for
    ``limits.progress_s`` seconds the service ends the call, and it takes one message at most.

Doubt
    Sound is heedless when it takes no notice of the service: speech that begins during a prompt, speech without a
    pause, and noise in place of an answer.  From ``HEEDLESS_S`` seconds of it without progress, it is in doubt
    whether it is meant for the service.  Then only a key counts, or a sentence that is understood and not heedless.
    In the first ``UNDOUBTED_S`` seconds nothing is doubted, and no emergency in the first ``ALWAYS_URGENT_S``.

Time is the time of conversation.  Queue, advisers and recorded messages do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ivr.call.dialogue.caller import CallerReply

HEEDLESS_S = 10.0
"""Seconds of heedless sound from which it is in doubt whether it is meant for the service."""
UNDOUBTED_S = 15.0
"""Seconds without progress before anything is doubted."""
ALWAYS_URGENT_S = 120.0
"""Seconds without progress before an emergency is doubted."""


class Progress:
    """The progress of one caller.

    clock: returns the seconds of this conversation.
    limit_s: seconds without progress after which the call ends.
    """

    def __init__(self, clock: Callable[[], float], limit_s: float) -> None:
        self._clock, self._limit_s = clock, limit_s
        self._before_s = 0.0  # seconds of earlier conversations of this call
        self._latest_s = 0.0  # when progress was made; messages move it
        self._heedless_s = 0.0
        self._messages = 0  # since the latest progress
        self._answered: set[str] = set()

    @property
    def total_s(self) -> float:
        """Seconds of all conversations of this call."""
        return self._before_s + self._clock()

    @property
    def stalled_s(self) -> float:
        """Seconds without progress."""
        return self._clock() - self._latest_s

    @property
    def exhausted(self) -> bool:
        """Whether the caller has made no progress for too long."""
        return self.stalled_s >= self._limit_s

    @property
    def may_record(self) -> bool:
        """Whether a message may be taken."""
        return not self._messages

    @property
    def doubtful(self) -> bool:
        """Whether it is in doubt that what is heard is meant for the service."""
        return self._heedless_s >= HEEDLESS_S and self.stalled_s >= UNDOUBTED_S

    @property
    def doubts_emergencies(self) -> bool:
        """Whether an emergency, too, is in doubt."""
        return self.doubtful and self.stalled_s >= ALWAYS_URGENT_S

    def heard(self, reply: CallerReply) -> None:
        """Take a reply; a key or a quiet silence ends all doubt."""
        self._heedless_s += reply.heedless_s
        if reply.key or (reply.silent and not reply.heedless_s):
            self._heedless_s = 0.0

    def made(self) -> None:
        """Note progress."""
        self._latest_s, self._heedless_s, self._messages = self._clock(), 0.0, 0

    def answered(self, intent: str) -> None:
        """Note an answer, which is progress the first time; a machine asks the same again and again."""
        if intent not in self._answered:
            self._answered.add(intent)
            self.made()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Take a message in the block: its time does not count."""
        began = self._clock()
        self._messages += 1
        try:
            yield
        finally:
            self._latest_s += self._clock() - began

    def write(self) -> str:
        """Return what ``carry`` needs when the caller comes back: seconds in all and without progress, messages."""
        return f"{self.total_s:.0f} {self.stalled_s:.0f} {self._messages}"

    def carry(self, written: str) -> None:
        """Continue where an earlier conversation of the same call was left.

        written: the result of ``write``, or empty where there is none.
        """
        if written:
            total, stalled, messages = written.split()
            self._before_s, self._latest_s = float(total), self._clock() - float(stalled)
            self._messages = int(messages)
