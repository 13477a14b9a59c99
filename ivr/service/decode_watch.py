"""Notices a recogniser whose event loop runs while no decode ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""Seconds between two looks."""
SUSPECT_S: Final = 3.0
"""Seconds without any answer while one is waited for, after which a decode of silence is tried."""
TRIAL_S: Final = 5.0
"""Seconds that this decode may take, unless other answers come meanwhile."""


class DecodeWatch:
    """Told of each question and each answer; ``run`` returns when no decode ends any more.

    Cancelled questions give no answer, so a missing answer alone proves nothing.

    trial: decodes some silence.
    """

    def __init__(self, trial: Callable[[], Awaitable[None]]) -> None:
        self._trial = trial
        self._waiting_since: float | None = None
        self._now = asyncio.get_running_loop().time

    def asked(self) -> None:
        """A question begins."""
        if self._waiting_since is None:
            self._waiting_since = self._now()

    def answered(self) -> None:
        """A question was answered, with a text or with an error."""
        self._waiting_since = None

    async def run(self) -> float:
        """Return when the recogniser hangs: the seconds without an answer."""
        while True:
            await asyncio.sleep(LOOK_S)
            since = self._waiting_since
            if since is None or self._now() - since < SUSPECT_S:
                continue
            try:
                async with asyncio.timeout(TRIAL_S):
                    await self._trial()
            except TimeoutError:
                if self._waiting_since == since:
                    return self._now() - since
            else:
                self.answered()
