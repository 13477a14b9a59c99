"""One end of a telephone line, whoever hears: its clock, and whether the other side speaks."""

from __future__ import annotations

import asyncio
import time

from ivr.asterisk.ari import Ari


class LineEnd:
    """Whoever hears notes it (``_note_voice``); times are seconds from the answer.

    ``last_voice``: when the other side was last heard to speak; None before.
    """

    def __init__(self, ari: Ari, channel_id: str) -> None:
        self.channel_id = channel_id
        self.ended = asyncio.Event()
        self._ari = ari
        self._zero = time.monotonic()
        self._speaks = False
        self.last_voice: float | None = None
        self._voice = asyncio.Condition()

    @property
    def now(self) -> float:
        """Seconds since the answer."""
        return time.monotonic() - self._zero

    def answered(self) -> None:
        """This is the moment of the answer: times count from here."""
        self._zero = time.monotonic()
        self._speaks, self.last_voice = False, None

    async def press(self, keys: str) -> None:
        """Press keys (RFC 4733)."""
        await self._ari.send_dtmf(self.channel_id, keys)

    async def until_speaking(self, since: float, patience_s: float) -> bool:
        """Wait until the other side speaks, or has spoken, after ``since``; False when patience ran out."""
        try:
            async with asyncio.timeout(patience_s), self._voice:
                await self._voice.wait_for(lambda: self._speaks or (self.last_voice or 0.0) > since)
        except TimeoutError:
            return False
        return True

    async def until_quiet(self, quiet_s: float) -> None:
        """Wait until the other side has said nothing for ``quiet_s``."""
        while True:
            async with self._voice:
                await self._voice.wait_for(lambda: not self._speaks)
            left = quiet_s - (self.now - self.last_voice) if self.last_voice is not None else 0.0
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def _note_voice(self, at: float, *, speaks: bool = False) -> None:
        """The other side was heard ``at`` that time; ``speaks``: until further notice."""
        async with self._voice:
            self._speaks, self.last_voice = speaks, at
            self._voice.notify_all()
