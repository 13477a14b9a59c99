"""Tapes: what our ear got of a caller, byte for byte, as slin16.

Asterisk's recording is not that: where this machine is late, it leaves out or fills in other samples than the ear.
A tape is written by the worker while the call goes on, one file for each part of the call, and joined to
``<call>.ear.flac`` beside the recording afterwards.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from ivr.core.audio import FRAME_BYTES, RATE, write_flac
from ivr.core.settings import Settings

log = logging.getLogger(__name__)

BLOCK = 25 * FRAME_BYTES
"""Written at a time (0.5 s): what a worker that is killed loses."""


class AudioCapture:
    """One part of a call: ``add`` what the ear gets, then ``close``; ``drop`` deletes it.  Never raises OSError."""

    def __init__(self, settings: Settings, call_id: str, seq: int) -> None:
        self._path = settings.state_dir.captures / f"{call_id}-{seq}.pcm"
        self._waiting = bytearray()
        self._file: FileIO | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self._path, "a")
            fcntl.flock(self._file, fcntl.LOCK_EX)  # the collector waits for it
        except OSError as error:
            self._fail(error)

    def add(self, pcm: bytes) -> None:
        """Audio, any length."""
        if self._file is None:
            return
        self._waiting += pcm
        if len(self._waiting) >= BLOCK:
            self._flush()

    def close(self) -> None:
        """It is whole.  Safe to call twice."""
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def drop(self) -> None:
        """The caller does not want to be recorded."""
        self._waiting.clear()
        self.close()
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._file is None:
            return
        try:
            while self._waiting:
                del self._waiting[: self._file.write(self._waiting) or 0]
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """A hole would shift all that follows: better no tape from here on."""
        log.error("ALARM: %s: what is heard from here on is not kept: %s", self._path, error.strerror)
        self._waiting.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


class NoCapture:
    """Where nothing is recorded."""

    def add(self, pcm: bytes) -> None: ...
    def close(self) -> None: ...
    def drop(self) -> None: ...


def no_capture(call_id: str, seq: int) -> NoCapture:
    """Keeps nothing."""
    return NoCapture()


def ear_of(recording: Path) -> Path:
    """The file beside a recording in which the tapes of its call are."""
    return recording.with_suffix(".ear.flac")


def running(settings: Settings, call_id: str) -> bool:
    """Whether a worker is still at a tape of this call."""
    return any(map(_is_locked, _tapes(settings, call_id)))


def join(settings: Settings, call_id: str, recording: Path) -> str:
    """Write ``ear_of`` a recording; returns its parts as RecordingKept names them.  ``forget`` comes afterwards."""
    parts = {int(path.stem.rpartition("-")[2]): path.read_bytes() for path in _tapes(settings, call_id)}
    whole = {seq: pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES] for seq, pcm in sorted(parts.items())}
    if not any(whole.values()):
        return ""
    write_flac(ear_of(recording), [b"".join(whole.values())], RATE)
    return ",".join(f"{seq}+{len(pcm) // FRAME_BYTES}" for seq, pcm in whole.items())


def forget(settings: Settings, call_id: str) -> None:
    """Delete the tapes of a call."""
    for path in _tapes(settings, call_id):
        path.unlink(missing_ok=True)


def call_ids(settings: Settings) -> set[str]:
    """The calls of which there are tapes."""
    return {path.stem.rpartition("-")[0] for path in settings.state_dir.captures.glob("*.pcm")}


def _tapes(settings: Settings, call_id: str) -> Iterator[Path]:
    return settings.state_dir.captures.glob(f"{call_id}-*.pcm")


def _is_locked(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
