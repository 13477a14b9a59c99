"""The common part of both simulated telephone lines: the clock of the call, and whether the other side speaks."""

from __future__ import annotations

import asyncio
import time

from ivr.asterisk.ari import Ari


class LineEnd:
    """One end of a telephone line.  Times are seconds since the answer.

    A subclass detects the other side's speech and reports it with ``_note_voice``.
    ``last_voice`` is the time when the other side was last heard; None before its first word.
    ``ended`` is set when the line's media has stopped.
    """

    def __init__(self, ari: Ari, channel_id: str) -> None:
        self.channel_id = channel_id
        self.ended = asyncio.Event()
        self.last_voice: float | None = None
        self._ari = ari
        self._answered_at = time.monotonic()
        self._speaking = False
        self._voice = asyncio.Condition()

    @property
    def now(self) -> float:
        """Seconds since the answer."""
        return time.monotonic() - self._answered_at

    def answered(self) -> None:
        """Start the clock: the call is answered now."""
        self._answered_at = time.monotonic()
        self._speaking, self.last_voice = False, None

    async def press(self, keys: str) -> None:
        """Send ``keys`` as DTMF (RFC 4733)."""
        await self._ari.send_dtmf(self.channel_id, keys)

    async def wait_for_speech(self, since: float, timeout_s: float) -> bool:
        """Wait until the other side speaks or has spoken after ``since`` (seconds since the answer).

        Returns False when ``timeout_s`` seconds pass without speech.
        """
        try:
            async with asyncio.timeout(timeout_s), self._voice:
                await self._voice.wait_for(lambda: self._speaking or (self.last_voice or 0.0) > since)
        except TimeoutError:
            return False
        return True

    async def wait_for_silence(self, quiet_s: float) -> None:
        """Wait until the other side has been silent for ``quiet_s`` seconds."""
        while True:
            async with self._voice:
                await self._voice.wait_for(lambda: not self._speaking)
            remaining = quiet_s - (self.now - self.last_voice) if self.last_voice is not None else 0.0
            if remaining <= 0:
                return
            await asyncio.sleep(remaining)

    async def _note_voice(self, at: float, *, speaking: bool = False) -> None:
        """The other side was heard at ``at``; with ``speaking`` its speech goes on until the next report."""
        async with self._voice:
            self._speaking, self.last_voice = speaking, at
            self._voice.notify_all()
