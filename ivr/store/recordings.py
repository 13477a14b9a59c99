"""Joins Asterisk's two mono files of a call to one FLAC: left channel the caller, right channel the service.

The files of a caller who refused recording are deleted.  A mark on the disk ensures that, whichever process dies.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ivr.core.audio import HEADER_BYTES, RATE, audio_of, write_flac
from ivr.core.errors import AudioError, UnusableFile
from ivr.core.events import RecordingKept
from ivr.core.files import is_regular, read_regular, write_durably
from ivr.core.settings import Settings
from ivr.store import audio_capture
from ivr.store.quarantine import Quarantine, shown

log = logging.getLogger(__name__)

MARKED_S = 3600
"""Seconds for which the mark of a refusal is kept after the call."""
ONE_SIDED_S = 60.0
"""Seconds after the last change of one side, in which the other side of a call that is over may still appear."""
SIDES = ("in", "out")
"""Ends of the names of Asterisk's files: what the caller said, and what the service said."""
_FILE = re.compile(r"([\w.+-]{1,64})-(?:in|out)\.wav16", re.ASCII)


def waiting(settings: Settings) -> list[Path]:
    """The recordings in Asterisk's spool (the caller's files).

    List them before the channels: then the channel of each recording that goes on is among the channels.
    """
    found = (settings.pbx / "spool/monitor").glob("*.wav16")
    return sorted({path.with_name(re.sub("-out.wav16$", "-in.wav16", path.name)) for path in found})


def call_of(caller: Path) -> str:
    """The id of the call to which a file in the spool belongs; empty for a file of another kind."""
    named = _FILE.fullmatch(caller.name)
    return named[1] if named else ""


def collect(
    settings: Settings,
    alive: Collection[str],
    spooled: Iterable[Path] | None = None,
    quarantine: Quarantine | None = None,
    refused: Collection[str] = (),
) -> Iterator[tuple[str, RecordingKept]]:
    """Join the recordings of calls that are over; yields each call's id and event.

    ``alive``: ids of the channels that exist; ``spooled``: the files to look at, by default those of ``waiting``;
    ``quarantine``: takes files that cannot be read; ``refused``: calls that the store knows to be refused.

    Each call is tried by itself, and what the disk does not take waits.  The files in the spool are deleted after
    each event was taken.
    """
    quarantine = quarantine or Quarantine(settings)
    refused = {*refused, *_refusals(settings, alive, quarantine)}
    for caller in waiting(settings) if spooled is None else spooled:
        call_id = call_of(caller)
        if not call_id:
            quarantine.set_aside(caller, UnusableFile("its name is not that of a call"))
            continue
        if call_id in refused:
            quarantine.remove(*_files(settings, call_id))
            continue
        files = [caller.with_name(f"{call_id}-{side}.wav16") for side in SIDES]
        if any(map(quarantine.is_stuck, files)):
            continue
        if call_id in alive or audio_capture.running(settings, call_id) or not _complete(files):
            continue
        try:
            sides = [_side(path, call_id) for path in files]
        except (UnusableFile, OSError) as error:
            quarantine.failed(error, *files)
            continue
        if not any(sides):
            _leave_out(call_id, files, quarantine)
        elif event := _keep(settings, call_id, sides, quarantine):
            yield call_id, event
        else:
            continue
        quarantine.remove(*_files(settings, call_id))


def _complete(files: list[Path]) -> bool:
    """Whether both sides are there, or one that has not changed for ``ONE_SIDED_S``: the other will not come."""
    present = [path for path in files if is_regular(path)]
    if len(present) == len(files):
        return True
    changed = [path.lstat().st_mtime for path in present]
    return any(abs(time.time() - at) > ONE_SIDED_S for at in changed)


def _leave_out(call_id: str, files: list[Path], quarantine: Quarantine) -> None:
    """Report a recording without sound; a file that holds something else is set aside."""
    log.error("the recording of call %s is empty and is left out", call_id)
    for path in files:
        if is_regular(path) and path.lstat().st_size > HEADER_BYTES:
            quarantine.set_aside(path, AudioError("it holds no sound"))


def _keep(
    settings: Settings, call_id: str, sides: list[bytes], quarantine: Quarantine
) -> RecordingKept | None:
    """Write the recording; None when the disk does not take it."""
    target = settings.state_dir.recordings / f"{call_id}.flac"
    try:
        event = _join(settings, call_id, target, sides)
    except OSError as error:
        quarantine.not_taken(target, error)
        return None
    quarantine.taken(target)
    return event


def _join(settings: Settings, call_id: str, target: Path, sides: list[bytes]) -> RecordingKept:
    longest = max(map(len, sides))
    write_flac(target, [side.ljust(longest, b"\0") for side in sides], RATE)
    capture = audio_capture.join(settings, call_id, target)
    return RecordingKept(settings.state_dir.name_of(target), round(longest / 2 / RATE, 2), capture)


def refuse(settings: Settings, call_id: str) -> None:
    """Delete the recording of a call whose caller refused it, and mark the call, so that later files go too.

    Raises OSError when one of both was not possible; the other is done all the same.
    """
    try:
        forget(settings, call_id)  # first: on a full disk that makes room for the mark
    finally:
        write_durably(_refused(settings) / call_id, "")


def forget(settings: Settings, call_id: str) -> None:
    """Delete the files of a call that are not joined yet: Asterisk's and the captures."""
    for path in _files(settings, call_id):
        path.unlink(missing_ok=True)


def _files(settings: Settings, call_id: str) -> list[Path]:
    """The files of a call that are not joined yet, where they exist."""
    folder = settings.pbx / "spool/monitor"
    sides = [folder / f"{call_id}-{side}.wav16" for side in SIDES]
    return [*audio_capture.parts(settings, call_id), *sides]


def delete(settings: Settings, file: str) -> None:
    """Delete a recording (``file`` relative to the state directory) and its capture."""
    for path in sounds(settings, file):
        path.unlink(missing_ok=True)


def sounds(settings: Settings, file: str) -> list[Path]:
    """The existing files of a recording (``file`` relative to the state directory): itself and its capture."""
    path = settings.state_dir.stored(file)
    return [one for one in (path, audio_capture.capture_of(path)) if file and one.exists()]


def _refusals(settings: Settings, alive: Collection[str], quarantine: Quarantine) -> set[str]:
    """The calls that are marked as refused; marks that are no longer needed are deleted."""
    marks = {path.name: path for path in _refused(settings).glob("*") if is_regular(path)}
    for call_id, path in marks.items():
        if call_id not in alive and time.time() - path.lstat().st_mtime > MARKED_S:
            quarantine.remove(*_files(settings, call_id), path)
    return set(marks)


def _refused(settings: Settings) -> Path:
    return settings.state_dir.refusals


def _side(path: Path, call_id: str) -> bytes:
    """One side as slin16; empty when it holds none, for example because the caller sent no sound.

    Raises UnusableFile or OSError when the file cannot be read.
    """
    try:
        return audio_of(read_regular(path), path)
    except (AudioError, FileNotFoundError) as error:
        log.warning("recording of call %s: one side is missing: %s", call_id, shown(error))
        return b""
