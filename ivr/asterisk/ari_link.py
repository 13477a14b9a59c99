"""The event socket to Asterisk: connects, reconnects, and routes events to their channels."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from ivr.asterisk import ari_events as ev
from ivr.asterisk.ari import Ari
from ivr.asterisk.event_queue import EventQueue
from ivr.asterisk.media_link import why
from ivr.core.errors import AriError, LinkLost

log = logging.getLogger(__name__)

PING_S = 6.0
"""Seconds of silence before a ping; its answer may take half as long, so a dead connection is noticed within 10 s."""
RETRY_FIRST_S, RETRY_MAX_S = 0.1, 2.0
"""Seconds between attempts to connect: the first pause, and the longest after doubling."""
EVENTS_PER_CHANNEL = 256
"""Events of a channel that wait to be read."""
EARLY_CHANNELS, EARLY_EVENTS = 64, 16
"""Channels whose events are kept before ``events`` asks for them, and how many of each."""
CALLS_WAITING = 512
"""Callers that wait in ``calls()``; with more, a caller is not claimed and stays in the dialplan."""
ARRIVES_S = 3.0
"""Seconds after a claim in which the caller enters our application; it takes some milliseconds, or they have left."""


class LinkState(StrEnum):
    """States of the event link, as ``on_state`` gets them."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REPLACED = "replaced"  # another process uses our application name, and this one gets no more events


class ChannelEvents:
    """The events of one channel in their order, from the first that arrived; ``async for`` or ``get()``.

    The queue is bounded.  When it is full, the oldest key press or state change is dropped, and StasisStart,
    StasisEnd and the end of the channel are kept.  ``close`` it, or leave ``with``, to end the routing.
    """

    def __init__(self, channel_id: str, forget: Callable[[ChannelEvents], None]) -> None:
        self.channel_id = channel_id
        self.seen = self.left = False
        self._queue: EventQueue[ev.AriEvent] = EventQueue(EVENTS_PER_CHANNEL, _expendable)
        self._forget = forget

    async def get(self) -> ev.AriEvent:
        """The next event; raises StopAsyncIteration after ``close``."""
        return await self._queue.get()

    def __aiter__(self) -> AsyncIterator[ev.AriEvent]:
        return self._queue

    def close(self) -> None:
        """End the routing of events of this channel."""
        self._queue.close()
        self._forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _put(self, event: ev.AriEvent) -> None:
        self.seen = True
        self.left = self.left or isinstance(event, ev.StasisEnd | ev.ChannelDestroyed | ev.ChannelGone)
        self._queue.put(event)


@dataclass(frozen=True)
class Arrival:
    """A caller who has entered our application.

    args: empty for a new call; ``RETURN`` and a status for a caller who comes back (``ivr.asterisk.contract``).
    adopted: whether the channel was found in our application after connecting, so that an earlier worker had it.
    events: the events of the channel from now on, to be closed by the reader.
    """

    channel: ev.Channel
    args: tuple[str, ...]
    adopted: bool
    events: ChannelEvents


Admit = Callable[[int], bool]
"""Called for each caller of StasisBroadcast with ``AriLink.coming``.  Returns whether the caller is claimed."""


class AriLink:
    """The event socket of one application: ``calls()`` yields callers, ``events(id)`` the events of a channel.

    ``run()`` is its only task.  It reconnects without limit, and ends by cancellation, or with LinkLost when another
    process uses the application name.

    ari: client for the requests, with the application's name.
    admit: decides which callers are claimed.
    on_state: called at each change of the connection.
    ping_s: seconds between pings.
    """

    def __init__(
        self,
        ari: Ari,
        *,
        admit: Admit = lambda coming: True,
        on_state: Callable[[LinkState], None] = lambda state: None,
        ping_s: float = PING_S,
    ) -> None:
        self._ari = ari
        self._admit = admit
        self._on_state = on_state
        self._ping_s = ping_s
        self._calls: EventQueue[Arrival] = EventQueue(CALLS_WAITING)
        self._claims: dict[str, asyncio.Event] = {}  # by channel, until it arrives
        self._open: dict[str, ChannelEvents] = {}
        self._early: OrderedDict[str, list[ev.AriEvent]] = OrderedDict()
        self._connected = asyncio.Event()
        self._current = asyncio.Event()  # connected, and no end of a call was missed
        self._sessions = 0

    @property
    def connected(self) -> bool:
        """Whether the event socket is up now."""
        return self._connected.is_set()

    async def wait_connected(self) -> None:
        """Return when the event socket is up."""
        await self._connected.wait()

    @property
    def coming(self) -> int:
        """How many callers are claimed, or have arrived and are not yet taken from ``calls()``.

        A claim that is lost, or whose caller does not arrive within ``ARRIVES_S``, does not count any more.
        """
        return len(self._claims) + len(self._calls)

    async def holds(self, channel_id: str) -> bool:
        """Whether a channel is in our application, to the best of our knowledge.

        Returns when the event socket is up and no end was missed.  Until then the dialplan may have taken the channel
        over, and what is done to it would harm its caller.
        """
        await self._current.wait()
        opened = self._open.get(channel_id)
        return opened is not None and not opened.left

    def calls(self) -> AsyncIterator[Arrival]:
        """Callers as they enter our application: new, returned from a transfer, or adopted."""
        return self._calls

    def events(self, channel_id: str) -> ChannelEvents:
        """Open the events of a channel, preferably before the channel is created with this id.

        Events that arrived earlier are delivered first, as far as they were kept.
        """
        opened = ChannelEvents(channel_id, self._close)
        self._open[channel_id] = opened
        for event in self._early.pop(channel_id, ()):
            opened._put(event)
        return opened

    async def run(self) -> None:
        """Keep the event socket up and route events.  Raises LinkLost when another process takes the name."""
        async with asyncio.TaskGroup() as tasks:
            replaced = await self._keep_connected(tasks)
        raise replaced

    async def _keep_connected(self, tasks: asyncio.TaskGroup) -> LinkLost:
        delay = RETRY_FIRST_S
        while True:
            try:
                async with self._ari.event_socket(self._ping_s) as socket:
                    delay = RETRY_FIRST_S
                    await self._session(socket, tasks)
                log.info("event link: closed with code %s; trying again", socket.close_code)
            except (OSError, TimeoutError, ClientError) as error:
                log.info("event link: %s; trying again", why(error))
            except LinkLost as error:
                return error
            finally:
                self._set_connected(False)
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))
            delay = min(delay * 2, RETRY_MAX_S)

    async def _session(self, socket: ClientWebSocketResponse, tasks: asyncio.TaskGroup) -> None:
        self._set_connected(True)
        tasks.create_task(self._reconcile())
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                return
            event = ev.parse(message.data)
            match event:
                case ev.Garbage():
                    log.warning("event link: message ignored: %s", event.reason)
                case ev.ApplicationReplaced():
                    self._on_state(LinkState.REPLACED)
                    raise LinkLost(f"another process has taken over the application name {self._ari.app}")
                case ev.CallBroadcast():
                    tasks.create_task(self._claim(event.channel))
                case _:
                    self._route(event)

    def _route(self, event: ev.AriEvent) -> None:
        channel_id = ev.channel_of(event)
        if not channel_id:
            return
        opened = self._open.get(channel_id)
        starts = isinstance(event, ev.StasisStart)
        if opened is not None and not (starts and opened.left):
            opened._put(event)
        elif isinstance(event, ev.StasisStart) and not event.channel.is_media:
            self._early.pop(
                channel_id, None
            )  # the end of an earlier visit, before a transfer, that nobody read
            self._arrive(event.channel, event.args, adopted=False)
        else:
            self._keep_early(channel_id, event)

    def _arrive(self, channel: ev.Channel, args: tuple[str, ...], *, adopted: bool) -> None:
        opened = self.events(channel.id)
        opened.seen = True
        if claim := self._claims.pop(channel.id, None):
            claim.set()
        self._calls.put(Arrival(channel, args, adopted, opened))

    def _keep_early(self, channel_id: str, event: ev.AriEvent) -> None:
        kept = self._early.setdefault(channel_id, [])
        kept.append(event)
        del kept[:-EARLY_EVENTS]
        self._early.move_to_end(channel_id)
        while len(self._early) > EARLY_CHANNELS:
            self._early.popitem(last=False)

    async def _claim(self, channel: ev.Channel) -> None:
        """Claim a caller, and count them as coming until they arrive or cannot arrive any more."""
        if not self._admit(self.coming) or self.coming >= CALLS_WAITING:
            log.info("caller on %s left to the dialplan: no place", channel.id)
            return
        arrived = self._claims[channel.id] = asyncio.Event()
        try:
            if await self._won(channel.id):
                async with asyncio.timeout(ARRIVES_S):
                    await arrived.wait()
        except TimeoutError:
            log.info("caller on %s was claimed and has not arrived", channel.id)
        finally:
            if self._claims.get(channel.id) is arrived:
                del self._claims[channel.id]

    async def _won(self, channel_id: str) -> bool:
        """Claim a caller; returns whether they may arrive.  A claim without an answer may have been carried out."""
        try:
            won = await self._ari.claim(channel_id)
        except AriError as error:
            log.warning("claim of %s: %s", channel_id, error)
            return True
        if not won:
            log.debug("caller on %s was claimed by another worker", channel_id)
        return won

    async def _reconcile(self) -> None:
        """After connecting: tell calls whose channel has left, and adopt channels that no call has."""
        number = self._sessions
        while self.connected and self._sessions == number:
            try:
                await self._compare()
            except AriError as error:
                log.warning("event link: the calls could not be compared after connecting: %s", error)
                await asyncio.sleep(RETRY_MAX_S)
            else:
                self._current.set()
                return

    async def _compare(self) -> None:
        """Compare the calls here with the channels of our application.  Raises AriError."""
        before = [opened for opened in self._open.values() if opened.seen and not opened.left]
        held = await self._ari.application()
        ours = set(held.channel_ids) if held else set()
        present = {channel.id: channel for channel in await self._ari.channels()}
        for opened in before:
            if opened.left:
                continue
            if opened.channel_id not in present:
                opened._put(ev.ChannelGone(opened.channel_id))
            elif opened.channel_id not in ours and not present[opened.channel_id].is_media:
                # the dead-man timer, for one, has taken it to the dialplan
                opened._put(ev.StasisEnd(present[opened.channel_id], ""))
        for channel_id in ours:
            channel = present.get(channel_id)
            if channel is not None and channel_id not in self._open and not channel.is_media:
                self._arrive(channel, (), adopted=True)

    def _close(self, opened: ChannelEvents) -> None:
        if self._open.get(opened.channel_id) is opened:
            del self._open[opened.channel_id]

    def _set_connected(self, connected: bool) -> None:
        if connected != self._connected.is_set():
            self._connected.set() if connected else self._connected.clear()
            self._current.clear()
            self._sessions += connected
            self._on_state(LinkState.CONNECTED if connected else LinkState.DISCONNECTED)


def _expendable(event: ev.AriEvent) -> bool:
    return isinstance(event, ev.ChannelDtmfReceived | ev.ChannelStateChange | ev.Unknown | ev.Dial)
