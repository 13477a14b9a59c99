"""Captures the caller's audio as the listener gets it, byte for byte, as slin16.

Asterisk's recording differs from it: when this machine is late, Asterisk drops or inserts other samples than the
listener does.  The worker writes a capture while the call goes on, one file for each part of the call.  Afterwards
the parts are joined to ``<call>.ear.flac`` beside the recording.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import logging
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Protocol

from ivr.core.audio import FRAME_BYTES, RATE, write_flac
from ivr.core.errors import UnusableFile
from ivr.core.files import open_regular, read_regular
from ivr.core.run_lengths import write_counts
from ivr.core.settings import Settings
from ivr.store.disk_space import may_record

log = logging.getLogger(__name__)

BLOCK = 25 * FRAME_BYTES
"""Bytes written at a time (0.5 s), which is what a killed worker loses."""


class AudioCapture:
    """The capture of one part of a call: ``add`` audio, then ``close``, or ``drop`` it.  Never raises OSError.

    Where the disk fills (``may_record``) nothing is captured.
    """

    def __init__(self, settings: Settings, call_id: str, seq: int) -> None:
        """``seq``: orders the parts of a call; it is the number of the part's first event."""
        self._path = settings.state_dir.captures / f"{call_id}-{seq}.pcm"
        self._waiting = bytearray()
        self._file: FileIO | None = None
        if not may_record(settings):
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self._path, "a")
            fcntl.flock(self._file, fcntl.LOCK_EX)  # the collector waits for it
        except OSError as error:
            self._fail(error)

    def add(self, pcm: bytes) -> None:
        """Write slin16 of any length."""
        if self._file is None:
            return
        self._waiting += pcm
        if len(self._waiting) >= BLOCK:
            self._flush()

    def close(self) -> None:
        """Write the rest and close the file.  Safe to call twice."""
        self._flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def drop(self) -> None:
        """Delete the capture, because the caller refused recording."""
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
        """End the capture: a gap would shift all that follows."""
        log.error(
            "ALARM: %s: from here on the caller's audio is not captured: %s", self._path, error.strerror
        )
        self._waiting.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


class AudioSink(Protocol):
    """A capture of one part of a call; ``AudioCapture`` explains its methods."""

    def add(self, pcm: bytes) -> None: ...
    def close(self) -> None: ...
    def drop(self) -> None: ...


class NoCapture:
    """Captures nothing, where recording is off."""

    def add(self, pcm: bytes) -> None: ...
    def close(self) -> None: ...
    def drop(self) -> None: ...


def no_capture(call_id: str, seq: int) -> NoCapture:
    """Stands in for ``AudioCapture`` where recording is off."""
    return NoCapture()


def capture_of(recording: Path) -> Path:
    """The file beside a recording that holds the joined captures of its call."""
    return recording.with_suffix(".ear.flac")


def running(settings: Settings, call_id: str) -> bool:
    """Whether a worker still writes a capture of this call."""
    return any(map(_is_locked, parts(settings, call_id)))


def join(settings: Settings, call_id: str, recording: Path) -> str:
    """Join the captures of a call to ``capture_of(recording)``.

    Returns the parts as ``RecordingKept.ear`` names them: ``<seq>+<frames>``, separated by commas, empty without
    audio. The parts stay.
    """
    found = {int(path.stem.rpartition("-")[2]): _content(path) for path in parts(settings, call_id)}
    whole = {seq: pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES] for seq, pcm in sorted(found.items())}
    if not any(whole.values()):
        return ""
    write_flac(capture_of(recording), [b"".join(whole.values())], RATE)
    return write_counts({seq: len(pcm) // FRAME_BYTES for seq, pcm in whole.items()})


def parts(settings: Settings, call_id: str) -> Iterator[Path]:
    """The files of a call's capture that are not joined yet, in no order."""
    for path in settings.state_dir.captures.glob(f"{glob.escape(call_id)}-*.pcm"):
        if path.stem.removeprefix(f"{call_id}-").isdecimal():
            yield path


def _content(path: Path) -> bytes:
    """The audio of one part; none where it cannot be read: a replay can do without, a recording must not wait."""
    try:
        return read_regular(path)
    except (UnusableFile, OSError) as error:
        log.warning("%s is left out of its call's capture: %s", path, error)
        return b""


def _is_locked(path: Path) -> bool:
    with contextlib.suppress(UnusableFile, OSError), open(open_regular(path), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
