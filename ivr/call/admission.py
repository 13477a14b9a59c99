"""May one more caller come in?  Not when all places are taken, and not while those who are here are kept waiting.

Load is measured where callers feel it: in how long a question takes to be decoded, which on an idle machine is less
than half a second and grows as soon as the recogniser has more than it can do.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ivr.core import events

FEW: Final = 4
"""With so many callers or fewer it is not they who make the machine slow, and keeping others out helps nobody."""
RECENT: Final = 6
"""So many decodes are looked at, if they are not older than ``WINDOW_S``; fewer than half of them say nothing."""
WINDOW_S: Final = 20.0


class Admission:
    """Counts nobody itself: it is told how many are here, and what happens in their calls.

    ``late_s``: median time to decode a question above which nobody new is let in.
    """

    def __init__(self, places: int, late_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._places, self._late_s, self._now = places, late_s, now
        self._decodes: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def notes(self, event: events.Event) -> None:
        """Something happened in a call."""
        if isinstance(event, events.Heard):
            self._decodes.append((self._now(), event.decode_s))

    def full(self, callers: int) -> bool:
        """Whether one more than these would be too many."""
        return callers >= self._places or (callers > FEW and self._late())

    def _late(self) -> bool:
        since = self._now() - WINDOW_S
        recent = [took for at, took in self._decodes if at >= since]
        return len(recent) >= RECENT // 2 and statistics.median(recent) > self._late_s
