"""The leg of a caller: their channel, the media channel, and the bridge between the two.

When the media socket drops, the leg is rebuilt under the running conversation, with some 40 ms of silence.  When that
fails, LinkLost ends the conversation and the dialplan takes the caller.
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
from ivr.core.audio import FRAME_BYTES, seconds
from ivr.core.errors import AriError, AriNotFound, AriRefused, CallerGone, LinkLost

log = logging.getLogger(__name__)

STASIS_WAIT_S = 3.0
"""Seconds the media channel may take to enter our application; it takes 5 ms or never comes."""
REBUILDS = 5
"""Media sockets that one call may lose before the dialplan takes it."""
LATE_S, AHEAD_S = 0.14, 0.2
"""Seconds by which the caller's audio may be late and ahead.  Packets come in bursts, of 120 ms and more.  Audio that
is later never comes (a key is held, nobody speaks), and silence takes its place, so that time goes on."""
PUT_BACK_ATTEMPTS, PUT_BACK_PAUSE_S = 5, 0.2
"""How often, and with which pause in seconds, a caller is put back into their bridge after a recording."""
ARRIVING = 8
"""Rounds of the event loop in which data on the socket reaches the leg."""
SILENCE_S = 0.06
SILENCE = bytes(round(SILENCE_S / 0.02) * FRAME_BYTES)


class CallLeg:
    """One caller's channel with media.  ``pump`` and ``fill`` run as long as the leg is open.

    ari: the REST client.  events: the event socket.  channel_id: the caller's channel.

    The callbacks, set by others: ``on_audio`` (s16le at 16 kHz), ``on_key`` (one digit), ``on_mark`` (the mark, and
    whether it was flushed), ``on_lost`` and ``on_rebuilt`` (the media link).
    """

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
        self._upto = 0.0  # until when there is audio, in seconds of the loop's clock

    @property
    def media(self) -> MediaLink:
        """The current media link; raises LinkLost while there is none."""
        if self._media is None:
            raise LinkLost("the leg has no media now")
        return self._media

    async def open(self) -> None:
        """Create the media channel and the bridge; the caller need not be answered yet.

        Raises AriError, LinkLost.
        """
        await self._open_media()
        self._bridge = f"accueil-{uuid.uuid4().hex}"
        await self._ari.create_bridge(self._bridge)
        for channel in (self.channel_id, self._media_channel):
            await self._ari.add_channel(self._bridge, channel)

    async def close(self) -> None:
        """Remove the bridge and the media channel, not the caller's channel.  May be called twice."""
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
        """Pass on media events until cancelled, and rebuild the media when its socket drops.

        Raises LinkLost when that fails, CallerGone when the caller's channel does not exist.
        """
        while True:
            reason = await self._passed_on(self.media)
            self.on_lost()
            await self._rebuild(reason)

    async def fill(self) -> None:
        """Pass on silence in place of audio that does not come, until cancelled."""
        self._upto = self._loop.time()
        while True:
            await asyncio.sleep(max(0.0, self._upto + LATE_S - self._loop.time()))
            for _ in range(ARRIVING):  # this process may be late: frames in the socket come first
                await asyncio.sleep(0)
            if self._loop.time() >= self._upto + LATE_S:
                self._heard(SILENCE)

    def _heard(self, pcm: bytes) -> None:
        """Pass on audio, and note until when there is some: bursts of packets are as long as what was sent."""
        self._upto = min(self._upto + seconds(pcm), self._loop.time() + AHEAD_S)
        self.on_audio(pcm)

    @contextlib.asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Take the caller out of the bridge for the block: Asterisk records no channel in a bridge.

        Raises AriError, and LinkLost when the caller cannot be put back: outside the bridge they hear nothing.
        """
        await self._ari.remove_channel(self._bridge, self.channel_id)
        try:
            yield
        finally:
            await self._put_back()

    async def _put_back(self) -> None:
        """Put the caller back into the bridge; Asterisk refuses it as long as it still ends a recording."""
        for attempt in range(1, PUT_BACK_ATTEMPTS + 1):
            try:
                return await self._ari.add_channel(self._bridge, self.channel_id)
            except (AriNotFound, AriRefused):  # the caller has hung up (400), or the leg is closed
                return
            except AriError as error:
                if attempt == PUT_BACK_ATTEMPTS:
                    raise LinkLost(f"the caller cannot be put back into their bridge: {error}") from None
            await asyncio.sleep(PUT_BACK_PAUSE_S)

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
        """Pass on the events of one media link until it closes; returns the reason."""
        closed: asyncio.Future[str] = self._loop.create_future()
        media.hand_to(partial(self._pass_on, closed))
        return await closed

    def _pass_on(self, closed: asyncio.Future[str], event: MediaEvent) -> None:
        if closed.done():  # closed, or cancelled
            return
        try:
            match event:
                case AudioFrame(pcm):
                    self._heard(pcm)
                case Dtmf(digit):
                    self.on_key(digit)
                case MarkProcessed(mark, flushed):
                    self.on_mark(mark, flushed)
                case MediaTrouble(text):
                    log.warning("%s: media: %s", self.channel_id, text)
                case Closed(reason):
                    closed.set_result(reason)
        except Exception as error:  # noqa: BLE001  # not for the socket's task: the waiting task gets it
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
