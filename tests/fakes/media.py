"""Asterisk's side of the media websocket, with the queue and the quirks of ``chan_websocket``."""

from __future__ import annotations

import asyncio
import json
from collections import deque

from tests.fakes.wire import Socket

FRAME = 640
QUEUE_MAX, XOFF, XON = 1000, 900, 800
MESSAGE_MAX = 65_527


class FakeMedia:
    """One media channel: ``played`` holds the frames that the caller hears, None for a tick without audio."""

    def __init__(self, channel_id: str, tick_s: float) -> None:
        self.channel_id = channel_id
        self.played: list[bytes | None] = []
        self.socket: Socket | None = None
        self.gone = asyncio.Event()
        self.marks_lost = False
        self._tick_s = tick_s
        self._queue: deque[bytes | str] = deque()
        self._length = 0
        self._full = self._paused = self._report = self._buffering = False
        self._leftover = b""

    async def serve(self, socket: Socket) -> None:
        """Serve the websocket until either side closes it."""
        self.socket = socket
        self.event("MEDIA_START", optimal_frame_size=FRAME, ptime=20, format="slin16")
        player = asyncio.create_task(self._play())
        try:
            while (message := await socket.got.get()) is not None:
                if isinstance(message, str):
                    self._command(message)
                elif len(message) > MESSAGE_MAX:
                    socket.close(1009)
                    return
                else:
                    self._audio(message)
        finally:
            player.cancel()
            self.gone.set()

    def event(self, name: str, **fields: object) -> None:
        if self.socket is not None:
            self.socket.send(self._text(name, **fields))

    def hears(self, pcm: bytes) -> None:
        """Send audio from the caller."""
        if self.socket is not None:
            self.socket.send(pcm)

    @property
    def queue_length(self) -> int:
        return self._length

    def _text(self, name: str, **fields: object) -> str:
        return json.dumps({"event": name, "channel_id": self.channel_id, **fields})

    def _audio(self, message: bytes) -> None:
        if self._length >= QUEUE_MAX:
            return  # dropped silently
        if self._buffering:
            message, self._leftover = self._leftover + message, b""
        whole = len(message) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            self._queue.append(message[start : start + FRAME])
            self._length += 1
        if self._buffering:
            self._leftover = message[whole:]  # otherwise the rest is lost
        if self._length >= XOFF and not self._full:
            self._full = True
            self.event("MEDIA_XOFF")

    def _command(self, text: str) -> None:
        if len(text) > 128:
            return
        try:
            command = json.loads(text)
        except ValueError:
            self.event("ERROR", error_text="Unable to parse JSON command")
            return
        id = command.get("correlation_id", "")
        match command.get("command"):
            case "MARK_MEDIA" if not self.marks_lost:
                self._queue.append(self._text("MEDIA_MARK_PROCESSED", correlation_id=id))
            case "FLUSH_MEDIA":
                self._queue.clear()
                self._length, self._buffering, self._leftover = 0, False, b""
            case "START_MEDIA_BUFFERING":
                self._buffering = True
            case "STOP_MEDIA_BUFFERING":
                self._buffering = False
                self._queue.append(self._text("MEDIA_BUFFERING_COMPLETED", correlation_id=id))
            case "PAUSE_MEDIA":
                self._paused = True
            case "CONTINUE_MEDIA":
                self._paused = False
            case "REPORT_QUEUE_DRAINED":
                self._report = True
            case "GET_STATUS":
                self.event("STATUS", queue_length=self._length, media_paused=self._paused)

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self._tick_s
            await asyncio.sleep(due - loop.time())
            self.played.append(None if self._paused else self._next())

    def _next(self) -> bytes | None:
        if self._full and self._length < XON:
            self._full = False
            self.event("MEDIA_XON")
        if not self._queue and self._report:
            self._report = False
            self.event("QUEUE_DRAINED")
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                self._length -= 1
                return item
            if self.socket is not None:
                self.socket.send(item)
        return None
