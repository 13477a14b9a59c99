"""An audio capture whose file is written by another thread: the call goes on while the disk stalls."""

from __future__ import annotations

from functools import partial

from ivr.core.disk_writer import DiskWriter
from ivr.core.settings import Settings
from ivr.store.audio_capture import BLOCK, AudioCapture


class BackgroundCapture:
    """The same as ``AudioCapture``, from an event loop.

    writer: the thread.  settings, call_id, seq: see ``AudioCapture``.
    """

    def __init__(self, writer: DiskWriter, settings: Settings, call_id: str, seq: int) -> None:
        self._writer = writer
        self._capture: AudioCapture | None = None
        self._waiting = bytearray()
        self._open = writer.soon(partial(self._begin, settings, call_id, seq))

    def add(self, pcm: bytes) -> None:
        """Write slin16 of any length; after a block that found no room there are no more: a gap would shift them."""
        if self._open:
            self._waiting += pcm
            if len(self._waiting) >= BLOCK:
                self._flush()

    def close(self) -> None:
        """Write the rest and close the file.  Safe to call twice."""
        self._flush()
        self._writer.soon(self._end, always=True)

    def drop(self) -> None:
        """Delete the capture, because the caller refused recording."""
        self._open = False
        self._waiting.clear()
        self._writer.soon(self._delete, always=True)

    def _flush(self) -> None:
        block = bytes(self._waiting)
        self._waiting.clear()
        self._open = self._open and self._writer.soon(partial(self._write, block))

    # in the thread

    def _begin(self, settings: Settings, call_id: str, seq: int) -> None:
        self._capture = AudioCapture(settings, call_id, seq)

    def _write(self, block: bytes) -> None:
        if self._capture is not None:
            self._capture.add(block)

    def _end(self) -> None:
        if self._capture is not None:
            self._capture.close()

    def _delete(self) -> None:
        if self._capture is not None:
            self._capture.drop()
