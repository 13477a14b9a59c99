"""The protocol of the media websocket (``chan_websocket``) without the socket: messages in, events and commands out.

Asterisk plays what it is sent in real time.  Its queue holds 1000 frames of 20 ms and silently drops the rest.  It
asks to stop at 900 frames (``MEDIA_XOFF``) and to go on below 800 (``MEDIA_XON``).  This protocol stays far below by
counting samples, without a clock.  It sends a mark after half a second of audio at most.  The audio sent after the
last mark that came back is the feed-ahead.

Without ``START_MEDIA_BUFFERING`` a binary message must be a whole multiple of the frame, or the remainder is lost.
Every ``FLUSH_MEDIA`` ends that mode, so it is not used, and audio is cut at frame boundaries instead.

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
"""Bytes of one frame of 20 ms (slin16: s16le mono, 16 kHz)."""
PIECE = 25 * FRAME
"""Bytes of the longest binary message: half a second.  Asterisk closes the link above 65,527 bytes."""
UNMARKED = RATE // 2
"""Most samples that are sent without a mark.  Silence is sent frame by frame; a mark after each frame would treble
the messages.
"""
AHEAD = 5 * RATE
"""Samples that are sent ahead of what was played, by default.  Asterisk's own limit is 20 s."""


@dataclass(frozen=True)
class MediaStarted:
    """The link is up.  ``channel`` is the media channel's id, ``frame_bytes`` Asterisk's frame size."""

    channel: str
    frame_bytes: int


@dataclass(frozen=True)
class AudioFrame:
    """Audio from the other party: s16le mono at 16 kHz, normally 20 ms.

    No frames arrive while a key is held down, or when the other side sends no RTP.  The reader has to fill the gaps.
    """

    pcm: bytes


@dataclass(frozen=True)
class Dtmf:
    """A key was released: one of ``0-9*#A-D``."""

    digit: str


@dataclass(frozen=True)
class MarkProcessed:
    """The audio sent before the mark ``id`` has left Asterisk or, when ``flushed``, was dropped."""

    id: str
    flushed: bool = False


@dataclass(frozen=True)
class Played:
    """The first ``samples`` (16 kHz) of this link have been played or flushed.

    It comes after each half second, or each quarter of the feed-ahead when that is less.
    """

    samples: int


@dataclass(frozen=True)
class QueueDrained:
    """Asterisk has nothing left to play; each flush asks for this event."""


@dataclass(frozen=True)
class Flow:
    """Asterisk asks to stop sending (``blocked``) or to go on."""

    blocked: bool


@dataclass(frozen=True)
class MediaTrouble:
    """Asterisk reported an error or sent an invalid message; the link stays open."""

    text: str


@dataclass(frozen=True)
class Closed:
    """The link is closed; always the last event."""

    reason: str


MediaEvent = (
    MediaStarted | AudioFrame | Dtmf | MarkProcessed | Played | QueueDrained | Flow | MediaTrouble | Closed
)
MediaMessage = bytes | str


class MediaState(StrEnum):
    """States of a media link."""

    WAITING = "waiting"  # before MEDIA_START; audio may already flow both ways
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
    """A pending mark: the id of ``mark()``, None for the protocol's own, and the samples sent before it."""

    id: str | None
    samples: int


class MediaProtocol:
    """The protocol of one media link.

    ``receive`` and ``close`` take what the socket brings; ``audio``, ``mark`` and ``flush`` what we want to send.
    ``messages()`` returns what to write to the socket, ``events()`` what has happened.

    ahead: samples (16 kHz) that may be sent ahead of what was played.
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
        """What to write to the socket now, in order: ``bytes`` are audio, ``str`` is a command."""
        out = list(self._out)
        self._out.clear()
        return out

    def events(self) -> list[MediaEvent]:
        """What has happened since the last call, in order."""
        events = list(self._events)
        self._events.clear()
        return events

    @property
    def ahead(self) -> int:
        """Samples sent and not yet known to be played, in steps of half a second."""
        return self.sent - self.played

    @property
    def room(self) -> int:
        """Bytes of audio that may be sent now within the feed-ahead."""
        if self.blocked or self.state is MediaState.CLOSED:
            return 0
        return max(0, self._limit - self.ahead) * 2 // FRAME * FRAME

    def audio(self, pcm: bytes) -> int:
        """Queue as much of ``pcm`` as there is room for, at most ``PIECE``, and return the number of bytes taken.

        A remainder shorter than a frame waits for the next call, and is padded with silence at the next mark.

        pcm: s16le mono at 16 kHz, of even length.

        Raises LinkLost when the link is closed.
        """
        self._require_open()
        taken = min(len(pcm), self.room, PIECE)
        block = self._tail + pcm[:taken]
        whole = len(block) // FRAME * FRAME
        self._tail = block[whole:]
        self._send_frames(block[:whole])
        return taken

    def mark(self, id: str) -> None:
        """Ask for a MarkProcessed with this ``id`` when all audio sent so far has been played; raises LinkLost."""
        self._require_open()
        if self._tail:
            padded = self._tail.ljust(FRAME, b"\0")
            self._tail = b""
            self._send_frames(padded)
        self._send_mark(id)

    def flush(self) -> None:
        """Drop what is queued, so that there is silence within 20 ms; raises LinkLost.

        Pending marks come back at once as flushed, since Asterisk deletes them without an answer.
        """
        self._require_open()
        self._tail = b""
        self._command("FLUSH_MEDIA")
        self._command("REPORT_QUEUE_DRAINED")
        self.played, self._unmarked = self.sent, 0
        self._settle(flushed=True)

    def receive(self, message: MediaMessage) -> None:
        """Take one websocket message from Asterisk; never raises, an invalid one becomes a MediaTrouble event."""
        if self.state is MediaState.CLOSED:
            return
        if isinstance(message, str):
            self._control(message)
        elif message:
            self._sound(bytes(message))

    def close(self, reason: str) -> None:
        """The socket is closed: pending marks come back as flushed, and Closed is the last event."""
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
            return  # from before a flush, which has settled it
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
        wire = f"m{self._serial}"  # not the caller's id: Asterisk ignores commands above 128 bytes
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
