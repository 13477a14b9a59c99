"""Plays prompts to the caller, to their end or until they are cut, and silence between them.

The end of a prompt is a mark that Asterisk sends back, never a sleep.  Silence keeps RTP flowing to the caller: a
two-party bridge sends none by itself.  Silence that is still queued when a prompt begins is flushed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from ivr.call.audio.leg import CallLeg
from ivr.core.audio import FRAME_BYTES, seconds
from ivr.core.errors import LinkLost

log = logging.getLogger(__name__)

TICK_S = 0.02
"""Seconds of one frame."""
SILENCE = bytes(10 * FRAME_BYTES)
"""Sent at once: silence in single frames for forty callers took a tenth of this process's time."""
SILENCE_S = seconds(SILENCE)
LEAD_S = 0.02
"""Seconds before the end of the queued silence at which more is sent."""
LATE_S = 5.0
"""Seconds beyond its length that a prompt may take to be played, and that a lost link may take to be rebuilt."""
UNTOLD = 1
"""Prompts in a row whose end Asterisk may fail to tell; after the next the dialplan takes the caller."""
BACK = 2 * FRAME_BYTES
"""Bytes that are repeated after a hold: a frame or two were still on their way."""


@dataclass(frozen=True)
class Playback:
    """How a prompt was played.

    start_s: when it began, in seconds of call time.  length_s: its length in seconds.
    heard_s: seconds of it that were played.  interrupted: whether it was cut.
    """

    start_s: float
    length_s: float
    heard_s: float
    interrupted: bool


class Player:
    """Plays one prompt at a time on a leg.  ``flush`` makes a running ``play`` return at once as interrupted."""

    def __init__(self, leg: CallLeg) -> None:
        self._leg = leg
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._done: asyncio.Event | None = None
        self.speaking = False  # a prompt is played or on hold
        self._cut = False
        self._again = False  # the rest of the prompt is to be sent again
        self._back = 0  # bytes to repeat then
        self._untold = 0  # prompts in a row whose end was not told
        self._serial = 0  # of the mark at the end of a prompt
        self._free = asyncio.Event()  # not on hold
        self._free.set()
        self._quiet = asyncio.Event()  # no prompt is played, or it is on hold
        self._quiet.set()
        self._silent_until = 0.0  # when the queued silence ends
        self._stopped_at: float | None = None
        leg.on_lost = self._stop
        leg.on_mark = self._marked
        leg.on_rebuilt = self._on_rebuilt

    def now(self) -> float:
        """Return call time: seconds since the answer; before it, since the player was made."""
        return self._loop.time() - self._born

    def answered(self, ago_s: float = 0.0) -> None:
        """Start call time now, or ``ago_s`` seconds ago for a caller who comes back."""
        self._born = self._loop.time() - ago_s

    def begin(self) -> None:
        """Announce a prompt: from now on ``flush`` cuts it, even before its first sample."""
        self._cut, self.speaking = False, True
        self._switch()

    async def play(self, *parts: Awaitable[bytes]) -> list[Playback]:
        """Play parts one after the other and return how each was played; ``begin`` comes first.

        parts: awaitables of s16le audio at 16 kHz.  A part that was cut or never began is interrupted.

        Raises what an awaitable raises, and LinkLost when Asterisk does not tell that it plays the parts.
        """
        try:
            return [await self._part(await part) for part in parts]
        finally:
            self.speaking = False
            self._switch()

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
        """Stop at once for the moment: the caller may begin to speak.

        Queued audio is flushed and sent again.  A pause in Asterisk would keep the last milliseconds in the
        resampler, and they would sound at the beginning of the next prompt.
        """
        if self.speaking and self._free.is_set():
            self._free.clear()
            self._again = self._done is not None and not self._done.is_set()
            self._back = BACK
            await self._throw_away()
            self._switch()

    def resume(self) -> None:
        """Continue after a hold, from 40 ms before it."""
        self._free.set()
        self._switch()

    async def flush(self) -> None:
        """Stop at once and end a running ``play``, even when the media link is gone."""
        if not self.speaking and self._free.is_set():  # a prompt that failed on hold is released, too
            return
        self._cut = True
        self._free.set()
        self._switch()
        await self._throw_away()

    async def tick(self) -> None:
        """Send silence between prompts and during a hold, until cancelled."""
        while True:
            await self._quiet.wait()
            try:
                await self._leg.media.send(SILENCE)
            except LinkLost:
                await asyncio.sleep(TICK_S)  # the pump rebuilds the media, or ends the call
                continue
            now = self._loop.time()
            self._silent_until = max(self._silent_until, now) + SILENCE_S
            await asyncio.sleep(self._silent_until - LEAD_S - now)

    def _switch(self) -> None:
        """Switch between silence and a prompt."""
        if self.speaking and self._free.is_set():
            self._quiet.clear()
        else:
            self._quiet.set()

    async def _play_once(self, pcm: bytes) -> float:
        """Return the seconds of ``pcm`` that were played before the end, a hold, a flush, or a lost link."""
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
            async with asyncio.timeout(seconds(pcm) + LATE_S):
                await self._send_all(pcm, done)
            self._untold = 0
        except TimeoutError:
            self._untold += 1
            if self._untold > UNTOLD:
                raise LinkLost("Asterisk does not tell that prompts are played") from None
            log.warning("%s: Asterisk has not told that a prompt was played; going on", self._leg.channel_id)

    async def _send_all(self, pcm: bytes, done: asyncio.Event) -> None:
        try:
            if self._silent_until > self._loop.time():
                await self._leg.media.flush()
                self._silent_until = 0.0
            if await self._leg.media.send(pcm):
                await self._leg.media.mark(f"p{self._serial}")
                await done.wait()
        except LinkLost:
            self._stop()
            await done.wait()  # set when the media is rebuilt; else the pump ends the call

    async def _throw_away(self) -> None:
        self._stop()
        self._silent_until = 0.0
        if self._done is not None:
            self._done.set()
        with contextlib.suppress(LinkLost):
            await self._leg.media.flush()

    def _marked(self, mark: str, flushed: bool) -> None:
        # a flushed mark belongs to a prompt that was held or cut, or whose link was lost
        if self._done is not None and mark == f"p{self._serial}" and not flushed:
            self._done.set()

    def _stop(self) -> None:
        """Nothing that is still queued will be heard."""
        if self._stopped_at is None:
            self._stopped_at = self._loop.time()

    def _on_rebuilt(self) -> None:
        if self._done is not None:
            self._again = not self._cut
            self._done.set()
