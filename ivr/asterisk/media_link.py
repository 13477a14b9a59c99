"""The media socket to Asterisk: ``ivr.asterisk.media`` on a websocket, with a bounded queue of events.

Forty callers exchange some three thousand messages a second.  picows is used since it does in C what websockets does
in Python.
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
"""Idle seconds before a ping, and seconds that its answer may take: a dead connection is noticed within 15 s."""
CLOSE_S = 1.0
"""Seconds that the closing handshake may take."""
FRAMES_WAITING = 1500
"""Events that wait to be read: 30 s of frames.  With more, the oldest frame is dropped."""


class MediaLink:
    """One media websocket: ``send``, ``mark`` and ``flush`` out; events in by ``async for`` or ``hand_to``.

    The iteration yields the events of ``ivr.asterisk.media``, with Closed as the last.  ``FRAMES_WAITING`` events are
    kept for the reader.  After that the oldest frames are dropped and counted in ``dropped``; marks, keys and Closed
    are never dropped.  ``send`` waits for room, so it needs a task of its own.

    ahead: samples (16 kHz) that are sent ahead of what is being played.
    """

    def __init__(self, *, ahead: int = AHEAD) -> None:
        self._protocol = MediaProtocol(ahead)
        self._queue: EventQueue[MediaEvent] = EventQueue(
            FRAMES_WAITING, lambda event: isinstance(event, AudioFrame)
        )
        self._room = asyncio.Event()
        self._turn = asyncio.Lock()
        self._flushes = 0
        self._socket: WSTransport | None = None
        self._take: Callable[[MediaEvent], None] = self._queue.put

    @classmethod
    async def connect(
        cls, base: str, connection_id: str, *, ahead: int = AHEAD, timeout_s: float = 5.0
    ) -> Self:
        """Connect to a media channel.

        base: address of Asterisk's HTTP server, ``http://HOST:PORT``.
        connection_id: of ``Ari.external_media``.
        ahead: see the class.
        timeout_s: seconds that connecting may take.

        Raises LinkLost.
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
        """Samples sent and not yet known to be played."""
        return self._protocol.ahead

    @property
    def dropped(self) -> int:
        """Frames of the other party that were dropped because they were not read in time."""
        return self._queue.dropped

    async def send(self, pcm: bytes) -> bool:
        """Send audio, waiting for room; the sends of several tasks do not mix.

        pcm: s16le mono at 16 kHz, of any even length.

        Returns False when a ``flush`` cut it short.  Raises LinkLost when the link is closed.
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
        """Ask for a MarkProcessed with this id when all audio sent before has been played; raises LinkLost."""
        self._protocol.mark(id)
        self._write()

    async def flush(self) -> None:
        """Drop what is queued, for silence within 20 ms; pending marks come back as flushed.  Raises LinkLost."""
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
        return self._queue

    def hand_to(self, take: Callable[[MediaEvent], None]) -> None:
        """Call ``take`` with each event as it arrives, and at once with those that wait.

        Waking a task for each of two thousand frames a second costs more than handling them.
        """
        self._take = take
        while self._queue:
            take(self._queue.get_nowait())

    def received(self, message: MediaMessage) -> None:
        """Take a message from the socket."""
        self._protocol.receive(message)
        self._deliver()

    def ended(self, reason: str) -> None:
        """Take the end of the socket, and its reason."""
        self._protocol.close(reason)
        self._deliver()
        self._queue.close()

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
    """The callbacks of picows."""

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
    """The error of a socket in one line: its class and the first line of its text."""
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
