"""Joins Asterisk's two mono files of a call to one FLAC: left channel the caller, right channel the service.

The files of a caller who refused recording are deleted.  A mark on the disk ensures that, whichever process dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ivr.core.audio import RATE, read_audio, repair_wav, write_flac
from ivr.core.errors import AudioError
from ivr.core.events import RecordingKept
from ivr.core.settings import Settings
from ivr.store import audio_capture

log = logging.getLogger(__name__)

MARKED_S = 3600
"""Seconds for which the mark of a refusal is kept after the call."""


def waiting(settings: Settings) -> list[Path]:
    """The recordings in Asterisk's spool (the caller's files).

    List them before the channels: then the channel of each recording that goes on is among the channels.
    """
    return sorted((settings.pbx / "spool/monitor").glob("*-in.wav16"))


def collect(
    settings: Settings, alive: Collection[str], spooled: Iterable[Path] | None = None
) -> Iterator[tuple[str, RecordingKept]]:
    """Join the recordings of calls that are over; yields each call's id and event.

    ``alive``: ids of the channels that exist; ``spooled``: the files to look at, by default those of ``waiting``.
    The files in the spool are deleted after each event was taken.
    """
    refused = _refusals(settings, alive)
    for caller in waiting(settings) if spooled is None else spooled:
        call_id = caller.name.removesuffix("-in.wav16")
        service = caller.with_name(f"{call_id}-out.wav16")
        if call_id in refused:
            forget(settings, call_id)
            continue
        if call_id in alive or not service.exists() or audio_capture.running(settings, call_id):
            continue
        event = _join(settings, call_id, caller, service)
        if event is not None:
            yield call_id, event
        caller.unlink(missing_ok=True)
        service.unlink(missing_ok=True)
        audio_capture.forget(settings, call_id)


def _join(settings: Settings, call_id: str, caller: Path, service: Path) -> RecordingKept | None:
    sides = [_side(path, call_id) for path in (caller, service)]
    if not any(sides):
        log.error("the recording of call %s is empty and is left out", call_id)
        return None
    longest = max(map(len, sides))
    target = settings.state_dir.recordings / f"{call_id}.flac"
    write_flac(target, [side.ljust(longest, b"\0") for side in sides], RATE)
    capture = audio_capture.join(settings, call_id, target)
    return RecordingKept(settings.state_dir.name_of(target), round(longest / 2 / RATE, 2), capture)


def refuse(settings: Settings, call_id: str) -> None:
    """Delete the recording of a call whose caller refused it, and mark the call, so that later files go too."""
    marks = _refused(settings)
    marks.mkdir(parents=True, exist_ok=True)
    (marks / call_id).touch()
    forget(settings, call_id)


def forget(settings: Settings, call_id: str) -> None:
    """Delete the files of a call that are not joined yet: Asterisk's and the captures."""
    audio_capture.forget(settings, call_id)
    for side in ("in", "out"):
        (settings.pbx / "spool/monitor" / f"{call_id}-{side}.wav16").unlink(missing_ok=True)


def delete(settings: Settings, file: str) -> None:
    """Delete a recording (``file`` relative to the state directory) and its capture."""
    for path in sounds(settings, file):
        path.unlink(missing_ok=True)


def sounds(settings: Settings, file: str) -> list[Path]:
    """The existing files of a recording (``file`` relative to the state directory): itself and its capture."""
    path = settings.state_dir.stored(file)
    return [one for one in (path, audio_capture.capture_of(path)) if file and one.exists()]


def _refusals(settings: Settings, alive: Collection[str]) -> set[str]:
    """The calls that are marked as refused; marks that are no longer needed are deleted."""
    marks = {path.name: path for path in _refused(settings).glob("*")}
    for call_id, path in marks.items():
        if call_id not in alive and time.time() - path.stat().st_mtime > MARKED_S:
            forget(settings, call_id)
            path.unlink()
    return set(marks)


def _refused(settings: Settings) -> Path:
    return settings.state_dir.refusals


def _side(path: Path, call_id: str) -> bytes:
    """One side as slin16; empty when it cannot be read, for example because the caller sent no sound."""
    try:
        repair_wav(path)
        return read_audio(path)
    except AudioError as error:
        log.warning("recording of call %s: one side is missing: %s", call_id, error)
        return b""
