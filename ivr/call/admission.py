"""Admission control: refuses a new call when all places are taken, or when the calls in progress are served late.

Load is measured where callers feel it: in the seconds that a question takes to be decoded.  On an idle machine that
is less than half a second.  It grows as soon as the recogniser has more work than it can do.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ivr.core import events

FEW: Final = 4
"""Callers up to whom nobody is refused: so few do not make the machine slow."""
RECENT: Final = 6
"""Decodes that count, if they are not older than ``WINDOW_S``; fewer than half of them tell nothing."""
WINDOW_S: Final = 20.0
"""Seconds after which a decode does not count."""


class Admission:
    """Decides whether one more call is admitted.

    places: the most calls at a time.
    late_s: median seconds to decode a question above which no new call is admitted.
    now: the clock, in seconds.
    """

    def __init__(self, places: int, late_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._places, self._late_s, self._now = places, late_s, now
        self._decodes: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def notes(self, event: events.Event) -> None:
        """Take an event of any call; decodes are counted."""
        if isinstance(event, events.Heard):
            self._decodes.append((self._now(), event.decode_s))

    def full(self, callers: int) -> bool:
        """Whether a call beside these ``callers`` is refused."""
        return callers >= self._places or (callers > FEW and self._late())

    def _late(self) -> bool:
        since = self._now() - WINDOW_S
        recent = [took for at, took in self._decodes if at >= since]
        return len(recent) >= RECENT // 2 and statistics.median(recent) > self._late_s
