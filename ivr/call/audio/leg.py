"""The caller's line: his channel, our media channel and the bridge between, kept whole while he is there.

When the media socket drops, the line is rebuilt under the running conversation (some 40 ms of silence); when
it cannot be, LinkLost ends the conversation and the caller goes on in the dialplan.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink
from ivr.asterisk.media import AudioFrame, Closed, Dtmf, MarkProcessed, MediaEvent, MediaTrouble
from ivr.asterisk.media_link import MediaLink
from ivr.core.audio import FRAME_BYTES
from ivr.core.errors import AriError, CallerGone, LinkLost

log = logging.getLogger(__name__)

STASIS_WAIT_S = 3.0
"""Seconds the media channel may take to enter our application; it takes 5 ms or never comes."""
REBUILDS = 5
"""Media sockets one call may lose before we give it to the dialplan."""
FRAME_WAIT_S = 0.06
"""No frame for that long: the caller's side sends nothing (a key is down, no RTP); we fill in silence."""
ARRIVING = 8
"""Rounds of the event loop in which what has reached the socket reaches us."""
SILENCE = bytes(round(FRAME_WAIT_S / 0.02) * FRAME_BYTES)


class CallLeg:
    """One caller's channel with media.  ``pump`` and ``fill`` must run for the line's whole life."""

    def __init__(self, ari: Ari, events: AriLink, channel_id: str) -> None:
        self.channel_id = channel_id
        self.on_audio: Callable[[bytes], None] = lambda pcm: None
        self.on_key: Callable[[str], None] = lambda digit: None
        self.on_mark: Callable[[str, bool], None] = lambda mark, flushed: None
        self.on_lost: Callable[[], None] = lambda: None
        self.on_rebuilt: Callable[[], None] = lambda: None
        self._ari = ari
        self._events = events
        self._media: MediaLink | None = None
        self._bridge = ""
        self._media_channel = ""
        self._rebuilds = 0
        self._loop = asyncio.get_running_loop()
        self._due = 0.0  # when the next frame should have arrived

    @property
    def media(self) -> MediaLink:
        """The media link of the moment; raises LinkLost while there is none."""
        if self._media is None:
            raise LinkLost("the line has no media now")
        return self._media

    async def open(self) -> None:
        """Make the media channel and the bridge; the caller need not be answered yet."""
        await self._open_media()
        self._bridge = f"accueil-{uuid.uuid4().hex}"
        await self._ari.create_bridge(self._bridge)
        for channel in (self.channel_id, self._media_channel):
            await self._ari.add_channel(self._bridge, channel)

    async def close(self) -> None:
        """Remove all that is ours; the caller's own channel is left alone.  Safe to call twice."""
        media, self._media = self._media, None
        bridge, self._bridge = self._bridge, ""
        channel, self._media_channel = self._media_channel, ""
        if media is not None:
            await media.close()
        with contextlib.suppress(AriError):
            if bridge:
                await self._ari.delete_bridge(bridge)
        with contextlib.suppress(AriError):
            if channel:
                await self._ari.hangup(channel)

    async def pump(self) -> None:
        """Pass on what arrives until cancelled; rebuild the media when its socket drops.

        Raises LinkLost when that fails.
        """
        while True:
            reason = await self._passed_on(self.media)
            self.on_lost()
            await self._rebuild(reason)

    async def fill(self) -> None:
        """Silence for as long as nothing arrives, until cancelled."""
        self._due = self._loop.time() + FRAME_WAIT_S
        while True:
            await asyncio.sleep(max(0.0, self._due - self._loop.time()))
            if self._loop.time() < self._due:
                continue
            for _ in range(ARRIVING):  # late ourselves: what waits in the socket comes first
                await asyncio.sleep(0)
            late_s = self._loop.time() - self._due
            if late_s >= 0:
                self._due += max(FRAME_WAIT_S, late_s)
                self.on_audio(SILENCE)

    @contextlib.asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """The caller out of the bridge, as Asterisk wants it for recording; back in afterwards."""
        await self._ari.remove_channel(self._bridge, self.channel_id)
        try:
            yield
        finally:
            with contextlib.suppress(AriError):
                await self._ari.add_channel(self._bridge, self.channel_id)

    async def _open_media(self) -> None:
        self._media_channel = f"accueil-media-{uuid.uuid4().hex}"
        with self._events.events(self._media_channel) as events:
            made = await self._ari.external_media(self._media_channel)
            self._media = await MediaLink.connect(self._ari.base, made.connection_id)
            try:
                async with asyncio.timeout(STASIS_WAIT_S):
                    while not isinstance(await events.get(), ev.StasisStart):
                        pass
            except (TimeoutError, StopAsyncIteration):
                raise LinkLost("the media channel did not enter our application") from None

    async def _passed_on(self, media: MediaLink) -> str:
        """Events of one media link until it closes; returns why."""
        closed: asyncio.Future[str] = self._loop.create_future()
        media.hand_to(partial(self._pass_on, closed))
        return await closed

    def _pass_on(self, closed: asyncio.Future[str], event: MediaEvent) -> None:
        if closed.done():  # or given up: nobody listens any more
            return
        try:
            match event:
                case AudioFrame(pcm):
                    self._due = self._loop.time() + FRAME_WAIT_S
                    self.on_audio(pcm)
                case Dtmf(digit):
                    self.on_key(digit)
                case MarkProcessed(mark, flushed):
                    self.on_mark(mark, flushed)
                case MediaTrouble(text):
                    log.warning("%s: media: %s", self.channel_id, text)
                case Closed(reason):
                    closed.set_result(reason)
        except Exception as error:  # noqa: BLE001  # the socket is no place for it: whoever waits gets it
            closed.set_exception(error)

    async def _rebuild(self, reason: str) -> None:
        self._rebuilds += 1
        if self._rebuilds > REBUILDS:
            raise LinkLost(f"media lost {self._rebuilds} times: {reason}")
        log.warning("%s: media lost (%s), rebuilding", self.channel_id, reason)
        self._media = None
        try:
            if await self._ari.channel(self.channel_id) is None:
                raise CallerGone
            await self._open_media()
            await self._ari.add_channel(self._bridge, self._media_channel)
        except AriError as error:
            raise LinkLost(f"media lost and not to be rebuilt: {error}") from None
        self.on_rebuilt()
