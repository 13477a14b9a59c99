"""The media socket to Asterisk: a thin shell around ``media`` with a bounded queue.

Forty callers are some three thousand messages a second: so it is picows, which does in C what websockets does in
Python.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from ivr.asterisk.event_queue import EventQueue
from ivr.asterisk.media import AHEAD, AudioFrame, MediaEvent, MediaMessage, MediaProtocol
from ivr.core.errors import LinkLost

PING_S = 7.5
"""Seconds without a word from Asterisk until it is pinged, and those that its answer may take: a black-holed socket
is seen within 15."""
CLOSE_S = 1.0
FRAMES_WAITING = 1500
"""Media events not yet read: 30 s of frames, then the oldest frame is dropped."""


class MediaLink:
    """One media websocket: ``send`` / ``mark`` / ``flush`` out, ``async for`` events in.

    The iteration yields AudioFrame, Dtmf, MarkProcessed, QueueDrained, Flow, MediaTrouble and, last,
    Closed.  Somebody must iterate, or take them as they come (``hand_to``): 30 s of frames are kept, then the
    oldest frames go (``dropped`` counts them); marks, keys and Closed never do.  ``send`` waits while half of
    Asterisk's patience is used up, so call it from a task of its own.
    """

    def __init__(self, *, ahead: int = AHEAD) -> None:
        self._protocol = MediaProtocol(ahead)
        self._box: EventQueue[MediaEvent] = EventQueue(
            FRAMES_WAITING, lambda event: isinstance(event, AudioFrame)
        )
        self._room = asyncio.Event()
        self._turn = asyncio.Lock()
        self._flushes = 0
        self._socket: WSTransport | None = None
        self._take: Callable[[MediaEvent], None] = self._box.put

    @classmethod
    async def connect(
        cls, base: str, connection_id: str, *, ahead: int = AHEAD, timeout_s: float = 5.0
    ) -> Self:
        """Dial in to the media channel ``connection_id`` of the Asterisk at ``base`` (``http://...``).

        ``ahead``: samples (16 kHz) sent ahead of what is being played.  Raises LinkLost.
        """
        link = cls(ahead=ahead)
        try:
            async with asyncio.timeout(timeout_s):
                link._socket, _ = await ws_connect(
                    lambda: _Socket(link),
                    f"{base.rstrip('/').replace('http', 'ws', 1)}/media/{connection_id}",
                    extra_headers={"Sec-WebSocket-Protocol": "media"},
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_S,
                    auto_ping_reply_timeout=PING_S,
                    max_redirects=0,
                )
        except (OSError, TimeoutError, WSError) as error:
            raise LinkLost(f"media link: {why(error)}") from None
        return link

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def ahead(self) -> int:
        """Samples sent and not known to be played yet."""
        return self._protocol.ahead

    @property
    def dropped(self) -> int:
        """Frames of the other party that were thrown away because nobody read them."""
        return self._box.dropped

    async def send(self, pcm: bytes) -> bool:
        """Queue audio (s16le mono 16 kHz, any even length), waiting for room.

        Returns False when a ``flush`` cut it short.  Sends of several tasks do not mix.  Raises LinkLost.
        """
        flushes = self._flushes
        async with self._turn:
            rest = memoryview(pcm)
            while rest and flushes == self._flushes:
                taken = self._protocol.audio(bytes(rest[: self._protocol.room]))
                rest = rest[taken:]
                self._write()
                if rest and not self._protocol.room:
                    self._room.clear()
                    await self._room.wait()
            return flushes == self._flushes

    async def mark(self, id: str) -> None:
        """Ask for a MarkProcessed with this id when all that was sent before has been played."""
        self._protocol.mark(id)
        self._write()

    async def flush(self) -> None:
        """Silence within 20 ms: what is queued is thrown away, pending marks come back as flushed."""
        self._flushes += 1
        self._protocol.flush()
        self._write()
        self._deliver()

    async def close(self) -> None:
        """Close the socket; Asterisk removes the media channel."""
        assert self._socket is not None
        self._socket.send_close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._socket.wait_disconnected()
        self._socket.disconnect(graceful=False)

    def __aiter__(self) -> AsyncIterator[MediaEvent]:
        return self._box

    def hand_to(self, take: Callable[[MediaEvent], None]) -> None:
        """From now on ``take`` gets each event as it comes, first those that wait: a task that is woken for each of
        two thousand frames a second costs more than what it does with them."""
        self._take = take
        while self._box:
            take(self._box.get_nowait())

    def received(self, message: MediaMessage) -> None:
        """From the socket: a message has come."""
        self._protocol.receive(message)
        self._deliver()

    def ended(self, reason: str) -> None:
        """From the socket: it is gone."""
        self._protocol.close(reason)
        self._deliver()
        self._box.close()

    def _write(self) -> None:
        assert self._socket is not None
        for message in self._protocol.messages():
            if isinstance(message, str):
                self._socket.send(WSMsgType.TEXT, message.encode())
            else:
                self._socket.send(WSMsgType.BINARY, message)

    def _deliver(self) -> None:
        for event in self._protocol.events():
            self._take(event)
        self._room.set()


class _Socket(WSListener):
    """What picows calls."""

    def __init__(self, link: MediaLink) -> None:
        self._link = link

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.BINARY:
                self._link.received(frame.get_payload_as_bytes())
            case WSMsgType.TEXT:
                self._link.received(frame.get_payload_as_bytes().decode(errors="replace"))
            case WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code())
                transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        close = transport.close_handshake
        said = close.recv if close is not None else None
        self._link.ended(
            "the connection broke" if said is None else f"closed with {said.code}: {said.reason}"
        )


def why(error: BaseException) -> str:
    """An error of a socket in one line."""
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
