"""What the caller hears: prompts played to the end or cut short, silence in between.

The end of a prompt is a mark that Asterisk sends back, never a sleep.  Between prompts goes silence, so that
the caller's side always gets RTP (a two-party bridge sends none by itself); what of it is not out yet when a
prompt begins is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass

from ivr.call.audio.leg import CallLeg
from ivr.core.audio import FRAME_BYTES, seconds
from ivr.core.errors import LinkLost

TICK_S = 0.02
SILENCE = bytes(10 * FRAME_BYTES)
"""Sent at a time: with single frames, sending silence to forty callers took a tenth of this process's time."""
SILENCE_S = seconds(SILENCE)
LEAD_S = 0.02
"""The next silence is there so long before the last one is out."""
BACK = 2 * FRAME_BYTES
"""Bytes said again after a hold: a frame or two were still on their way."""


@dataclass(frozen=True)
class Playback:
    """How a prompt went: when it began (call time, s), its length and how much was heard (s)."""

    start_s: float
    length_s: float
    heard_s: float
    interrupted: bool


class Player:
    """One prompt at a time.  ``flush`` makes a running ``play`` return at once as interrupted."""

    def __init__(self, line: CallLeg) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._done: asyncio.Event | None = None
        self.speaking = False  # a prompt is being played, or on hold
        self._cut = False
        self._again = False
        self._back = 0
        self._serial = 0
        self._free = asyncio.Event()  # not on hold
        self._free.set()
        self._quiet = asyncio.Event()  # no prompt, or one on hold
        self._quiet.set()
        self._silent_until = 0.0  # when the silence that was sent will be out
        self._stopped_at: float | None = None
        line.on_lost = self._stop
        line.on_mark = self._marked
        line.on_rebuilt = self._on_rebuilt

    def now(self) -> float:
        """Call time in seconds: since this mouth was made, just before the answer."""
        return self._loop.time() - self._born

    def answered(self, ago_s: float = 0.0) -> None:
        """Call time starts here, or so many seconds ago."""
        self._born = self._loop.time() - ago_s

    def begin(self) -> None:
        """A prompt is on its way: from now on ``flush`` cuts it, even before its first sample."""
        self._cut, self.speaking = False, True
        self._turn()

    async def play(self, *parts: Awaitable[bytes]) -> list[Playback]:
        """Play slin16 parts one after the other; what was cut short or never begun is interrupted.

        ``begin`` comes first.  Raises LinkLost when the line is gone for good.
        """
        try:
            return [await self._part(await part) for part in parts]
        finally:
            self.speaking = False
            self._turn()

    async def _part(self, pcm: bytes) -> Playback:
        await self._free.wait()  # the caller may make a sound before ours begins
        start, length, position = self.now(), seconds(pcm), 0
        while not self._cut:
            self._again, self._back = False, 0
            heard = await self._play_once(pcm[position:])
            await self._free.wait()
            position += int(heard / TICK_S) * FRAME_BYTES
            if not self._again:
                break
            position = max(0, position - self._back)
        heard_s = min(length, position / FRAME_BYTES * TICK_S) if self._cut else length
        return Playback(start, length, heard_s, self._cut)

    async def hold(self) -> None:
        """Silence at once, for the moment: perhaps the caller begins to speak.

        What was queued is thrown away and sent again, rather than paused in Asterisk: a paused channel keeps
        the last milliseconds in its resampler, and they would sound when the next prompt begins.
        """
        if self.speaking and self._free.is_set():
            self._free.clear()
            self._again = self._done is not None and not self._done.is_set()
            self._back = BACK
            await self._throw_away()
            self._turn()

    def resume(self) -> None:
        """It was nothing: go on, from 40 ms before the cut."""
        self._free.set()
        self._turn()

    async def flush(self) -> None:
        """Silence at once; a running ``play`` ends, whether or not anybody reads the line any more."""
        if not self.speaking and self._free.is_set():  # a prompt that failed on hold is let go, too
            return
        self._cut = True
        self._free.set()
        self._turn()
        await self._throw_away()

    async def tick(self) -> None:
        """Silence between prompts and in a hold; a task for the call's whole life."""
        while True:
            await self._quiet.wait()
            try:
                await self._line.media.send(SILENCE)
            except LinkLost:
                await asyncio.sleep(TICK_S)  # the pump rebuilds the media, or ends the call
                continue
            now = self._loop.time()
            self._silent_until = max(self._silent_until, now) + SILENCE_S
            await asyncio.sleep(self._silent_until - LEAD_S - now)

    def _turn(self) -> None:
        """It may be silence's turn now, or a prompt's."""
        if self.speaking and self._free.is_set():
            self._quiet.clear()
        else:
            self._quiet.set()

    async def _play_once(self, pcm: bytes) -> float:
        """Seconds of ``pcm`` that went out before the end, a hold, a flush, or a lost line."""
        self._serial += 1
        self._done = asyncio.Event()
        self._stopped_at = None
        started = self._loop.time()
        try:
            await self._send(pcm, self._done)
            return (self._loop.time() if self._stopped_at is None else self._stopped_at) - started
        finally:
            self._done = None

    async def _send(self, pcm: bytes, done: asyncio.Event) -> None:
        try:
            if self._silent_until > self._loop.time():
                await self._line.media.flush()
                self._silent_until = 0.0
            if await self._line.media.send(pcm):
                await self._line.media.mark(f"p{self._serial}")
                await done.wait()
        except LinkLost:
            self._stop()
            await done.wait()  # set when the line is rebuilt; else the pump ends the call

    async def _throw_away(self) -> None:
        self._stop()
        self._silent_until = 0.0
        if self._done is not None:
            self._done.set()
        with contextlib.suppress(LinkLost):
            await self._line.media.flush()

    def _marked(self, mark: str, flushed: bool) -> None:
        # a mark that was flushed: held, cut, or the line is lost and perhaps rebuilt
        if self._done is not None and mark == f"p{self._serial}" and not flushed:
            self._done.set()

    def _stop(self) -> None:
        """From now on nothing is heard of what was sent."""
        if self._stopped_at is None:
            self._stopped_at = self._loop.time()

    def _on_rebuilt(self) -> None:
        if self._done is not None:
            self._again = not self._cut
            self._done.set()
