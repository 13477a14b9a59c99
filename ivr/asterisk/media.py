"""The media websocket of ``chan_websocket`` without any socket: messages in, events out, commands out.

Asterisk re-times what it is sent: its queue holds 1000 frames of 20 ms and silently drops the rest, it asks
for less at 900 (``MEDIA_XOFF``) and for more below 800 (``MEDIA_XON``).  We stay far below by counting
samples: after half a second of audio at most goes a mark of our own, and what lies between the last mark that
came back and the end of what was sent is the feed-ahead.  No clock is read.

Without ``START_MEDIA_BUFFERING`` every binary message must be a whole multiple of the frame, else the rest is
lost; that mode is switched off again by every ``FLUSH_MEDIA``, so we never use it and cut at frame edges
instead.

Source: channels/chan_websocket.c of Asterisk 22.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from ivr.core.audio import FRAME_BYTES, RATE
from ivr.core.errors import LinkLost

FRAME = FRAME_BYTES
"""Bytes of one 20 ms frame on the wire (slin16)."""
PIECE = 25 * FRAME
"""Bytes of the longest binary message we send: half a second.  Asterisk closes the link above 65,527
bytes.
"""
UNMARKED = RATE // 2
"""Samples that go out without a mark, at most: silence goes out frame by frame, and a mark after each would make
three messages of one.
"""
AHEAD = 5 * RATE
"""Samples we send ahead of what was played, unless told otherwise.  Asterisk's own limit is 20 s."""


@dataclass(frozen=True)
class MediaStarted:
    """The link is up.  ``channel`` is the media channel's id, ``frame_bytes`` Asterisk's frame size."""

    channel: str
    frame_bytes: int


@dataclass(frozen=True)
class AudioFrame:
    """Sound from the other party: s16le mono at 16 kHz, normally 20 ms.

    None arrive while a key is held down, nor when the other side sends no RTP: gaps are the reader's to fill.
    """

    pcm: bytes


@dataclass(frozen=True)
class Dtmf:
    """A key was released: one of ``0-9*#A-D``."""

    digit: str


@dataclass(frozen=True)
class MarkProcessed:
    """Everything sent before the mark has left Asterisk, or (``flushed``) was thrown away."""

    id: str
    flushed: bool = False


@dataclass(frozen=True)
class Played:
    """The first ``samples`` (16 kHz) sent over this link have been played or flushed; comes with every half
    second, and with every quarter of the feed-ahead.
    """

    samples: int


@dataclass(frozen=True)
class QueueDrained:
    """Asterisk has nothing of ours left to play (asked for by every flush)."""


@dataclass(frozen=True)
class Flow:
    """Asterisk asked to stop sending (``blocked``) or to go on."""

    blocked: bool


@dataclass(frozen=True)
class MediaTrouble:
    """The peer reported an error, or sent something that makes no sense; the link goes on."""

    text: str


@dataclass(frozen=True)
class Closed:
    """The link is gone; always the last event."""

    reason: str


MediaEvent = (
    MediaStarted | AudioFrame | Dtmf | MarkProcessed | Played | QueueDrained | Flow | MediaTrouble | Closed
)
MediaMessage = bytes | str


class MediaState(StrEnum):
    """Where a media link is in its life."""

    WAITING = "waiting"  # connected, MEDIA_START not seen; audio may already flow both ways
    OPEN = "open"
    CLOSED = "closed"


_NEXT = {
    (MediaState.WAITING, "start"): MediaState.OPEN,
    (MediaState.OPEN, "start"): MediaState.OPEN,
    (MediaState.WAITING, "close"): MediaState.CLOSED,
    (MediaState.OPEN, "close"): MediaState.CLOSED,
    (MediaState.CLOSED, "close"): MediaState.CLOSED,
}


@dataclass(frozen=True)
class _Mark:
    """A mark under way: the caller's name for it (None: our own accounting) and the samples sent
    before it.
    """

    id: str | None
    samples: int


class MediaProtocol:
    """One media link: feed it what arrived, take what to send and what happened.

    ``receive`` / ``close`` take the peer's side, ``audio`` / ``mark`` / ``flush`` ours; ``messages()`` drains
    what must be written to the socket, ``events()`` what happened.
    """

    def __init__(self, ahead: int = AHEAD) -> None:
        self.state = MediaState.WAITING
        self.blocked = False
        self.sent = 0
        self.played = 0
        self._limit = ahead
        self._unmarked = 0
        self._tail = b""
        self._serial = 0
        self._marks: dict[str, _Mark] = {}
        self._out: deque[MediaMessage] = deque()
        self._events: deque[MediaEvent] = deque()

    def messages(self) -> list[MediaMessage]:
        """What must go to the socket now, in order: ``bytes`` are audio, ``str`` is control."""
        out = list(self._out)
        self._out.clear()
        return out

    def events(self) -> list[MediaEvent]:
        """What happened since the last call, in order."""
        events = list(self._events)
        self._events.clear()
        return events

    @property
    def ahead(self) -> int:
        """Samples sent and not yet known to have been played (seen in steps of half a second)."""
        return self.sent - self.played

    @property
    def room(self) -> int:
        """Bytes of audio that may be sent now without running too far ahead."""
        if self.blocked or self.state is MediaState.CLOSED:
            return 0
        return max(0, self._limit - self.ahead) * 2 // FRAME * FRAME

    def audio(self, pcm: bytes) -> int:
        """Queue as much of ``pcm`` as there is room for, at most one piece; returns the bytes taken.

        A rest shorter than a frame is kept for the next call and padded with silence at the next mark.
        """
        self._require_open()
        taken = min(len(pcm), self.room, PIECE)
        block = self._tail + pcm[:taken]
        whole = len(block) // FRAME * FRAME
        self._tail = block[whole:]
        self._send_frames(block[:whole])
        return taken

    def mark(self, id: str) -> None:
        """Ask to be told, by a MarkProcessed with this ``id``, when all audio sent so far has been played."""
        self._require_open()
        if self._tail:
            padded = self._tail.ljust(FRAME, b"\0")
            self._tail = b""
            self._send_frames(padded)
        self._send_mark(id)

    def flush(self) -> None:
        """Throw away what is queued: silence within 20 ms.  Pending marks are settled at once as flushed.

        Asterisk deletes queued marks unanswered: that is mended here.
        """
        self._require_open()
        self._tail = b""
        self._command("FLUSH_MEDIA")
        self._command("REPORT_QUEUE_DRAINED")
        self.played, self._unmarked = self.sent, 0
        self._settle(flushed=True)

    def receive(self, message: MediaMessage) -> None:
        """Take one websocket message from Asterisk.  Never raises: nonsense becomes a MediaTrouble event."""
        if self.state is MediaState.CLOSED:
            return
        if isinstance(message, str):
            self._control(message)
        elif message:
            self._sound(bytes(message))

    def close(self, reason: str) -> None:
        """The socket is gone: pending marks are settled and Closed is the last event."""
        if self.state is not MediaState.CLOSED:
            self._settle(flushed=True)
            self._events.append(Closed(reason))
        self._step("close")

    def _sound(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            self._events.append(MediaTrouble(f"audio message of {len(pcm)} bytes: not whole samples"))
            pcm = pcm[:-1]
        if pcm:
            self._events.append(AudioFrame(pcm))

    def _control(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("event"), str):
            self._events.append(MediaTrouble(f"control message that is no event ({len(text)} characters)"))
            return
        handler = _HANDLERS.get(message["event"])
        if handler is not None:
            handler(self, message)

    def _on_start(self, message: dict[str, object]) -> None:
        size = message.get("optimal_frame_size")
        if size != FRAME:
            self._events.append(MediaTrouble(f"frames of {size} bytes offered, {FRAME} expected (slin16)"))
        self._step("start")
        self._events.append(
            MediaStarted(str(message.get("channel_id", "")), size if isinstance(size, int) else 0)
        )

    def _on_mark(self, message: dict[str, object]) -> None:
        mark = self._marks.pop(str(message.get("correlation_id", "")), None)
        if mark is None:
            return  # of before a flush: settled already
        self.played = max(self.played, mark.samples)
        self._events.append(Played(self.played) if mark.id is None else MarkProcessed(mark.id))

    def _on_flow(self, message: dict[str, object]) -> None:
        self.blocked = message["event"] == "MEDIA_XOFF"
        self._events.append(Flow(self.blocked))

    def _on_drained(self, message: dict[str, object]) -> None:
        self._events.append(QueueDrained())

    def _on_dtmf(self, message: dict[str, object]) -> None:
        digit = message.get("digit")
        if isinstance(digit, str) and len(digit) == 1 and digit.upper() in "0123456789*#ABCD":
            self._events.append(Dtmf(digit.upper()))
        else:
            self._events.append(MediaTrouble("DTMF_END without a key"))

    def _on_error(self, message: dict[str, object]) -> None:
        self._events.append(MediaTrouble(f"Asterisk: {message.get('error_text', '')}"))

    def _send_frames(self, block: bytes) -> None:
        if block:
            self._out.append(block)
            self.sent += len(block) // 2
            self._unmarked += len(block) // 2
            if self._unmarked >= min(UNMARKED, self._limit // 4):
                self._send_mark(None)

    def _send_mark(self, id: str | None) -> None:
        self._serial += 1
        self._unmarked = 0
        wire = f"m{self._serial}"  # ours, not the caller's: commands above 128 bytes are ignored
        self._marks[wire] = _Mark(id, self.sent)
        self._command("MARK_MEDIA", correlation_id=wire)

    def _settle(self, *, flushed: bool) -> None:
        self._events.extend(
            MarkProcessed(mark.id, flushed) for mark in self._marks.values() if mark.id is not None
        )
        self._marks.clear()

    def _command(self, name: str, **fields: str) -> None:
        self._out.append(json.dumps({"command": name, **fields}))

    def _require_open(self) -> None:
        if self.state is MediaState.CLOSED:
            raise LinkLost("the media link is closed")

    def _step(self, what: str) -> None:
        self.state = _NEXT[self.state, what]


_HANDLERS = {
    "MEDIA_START": MediaProtocol._on_start,
    "MEDIA_MARK_PROCESSED": MediaProtocol._on_mark,
    "MEDIA_XOFF": MediaProtocol._on_flow,
    "MEDIA_XON": MediaProtocol._on_flow,
    "QUEUE_DRAINED": MediaProtocol._on_drained,
    "DTMF_END": MediaProtocol._on_dtmf,
    "ERROR": MediaProtocol._on_error,
}
