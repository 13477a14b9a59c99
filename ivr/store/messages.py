"""Moves messages from Asterisk's spool to the store.

A note is written before a recording starts (``pending/<name>.json``).  A message is collected when the caller has
sent it, or when the caller's channel is gone and the message was not discarded.  So a hang-up or a crash, of
Accueil or of Asterisk, loses nothing.  The dialplan's fallback writes the same note itself, named after the channel
and beside the recording (context ``fallback`` of ``extensions.conf``).
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ivr.core.audio import read_audio, repair_wav, seconds, sync
from ivr.core.errors import AudioError
from ivr.core.events import MessageLeft
from ivr.core.pbx_names import SHORTEST_FALLBACK_S
from ivr.core.settings import Settings
from ivr.core.vocabulary import MessageEnd

log = logging.getLogger(__name__)

SHORTEST_S = 1.0
"""A recording with less sound (seconds) is a hang-up and not a message."""
FULL_BYTES = 32_000
"""Bytes of two seconds of a message: with less free space the disk counts as full."""


@dataclass(frozen=True)
class Collected:
    """A message that was moved to its place; ``call_id`` may be empty, ``at``: seconds since 1970."""

    call_id: str
    at: float
    event: MessageLeft


@dataclass(frozen=True)
class _Note:
    """The content of a note; ``at``: seconds since 1970."""

    at: float
    call: str = ""
    number: str = ""
    lang: str = ""
    sent: bool = False


class VoicemailSpool:
    """The messages in Asterisk's spool, and the notes about them."""

    def __init__(self, settings: Settings) -> None:
        self.spool = settings.pbx / "spool/recording"
        self.fallback = settings.pbx / "spool/fallback"
        self._state = settings.state_dir
        self.notes = settings.state_dir.pending_messages
        self.kept = settings.state_dir.voicemail
        self.notes.mkdir(parents=True, exist_ok=True)

    def begin(self, call_id: str, number: str, lang: str) -> str:
        """Write the note of a recording that is about to start; returns the recording's name."""
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}"
        note = {"call": call_id, "number": number, "lang": lang, "at": time.time(), "sent": False}
        self._write(name, note)
        return name

    def keep(self, name: str) -> None:
        """Record that the caller has sent the message."""
        path = self.notes / f"{name}.json"
        if path.exists():
            self._write(name, json.loads(path.read_text("utf-8")) | {"sent": True})

    def discard(self, name: str) -> None:
        """Delete a recording and its note: the caller recorded again, or said nothing."""
        (self.notes / f"{name}.json").unlink(missing_ok=True)
        (self.spool / f"{name}.wav").unlink(missing_ok=True)

    def audio(self, name: str) -> bytes:
        """A recording as slin16; empty when it cannot be read."""
        try:
            return read_audio(self.spool / f"{name}.wav")
        except (AudioError, OSError) as error:
            log.warning("message %s cannot be played back: %s", name, error)
            return b""

    def length(self, name: str) -> float | None:
        """Seconds of sound in a recording, as the collector counts them; None when it cannot be read."""
        source = self.spool / f"{name}.wav"
        try:
            return _length(source) if source.exists() else None
        except OSError:
            return None

    def disk_full(self) -> bool:
        """Whether the disk on which Asterisk records is full, so that a recording may be cut short."""
        try:
            return shutil.disk_usage(self.spool).free < FULL_BYTES
        except FileNotFoundError:  # Asterisk's disk belongs to another machine
            return False

    def waiting(self) -> list[Path]:
        """The notes, also those of the fallback that were never written beside their recordings.

        List them before the channels: then the channel of each message that is being recorded is among the channels.
        """
        fallback = {path.with_suffix(".json") for path in self.fallback.glob("*.*")}
        return [*sorted(self.notes.glob("*.json")), *sorted(fallback)]

    def sound(self, note: Path) -> Path:
        """The file into which Asterisk records the message of a note."""
        return (self.fallback if self._is_fallback(note) else self.spool) / f"{note.stem}.wav"

    def collect(self, alive: Collection[str], waiting: Iterable[Path] | None = None) -> Iterator[Collected]:
        """Move finished messages to their place; yields each.

        ``alive``: ids of the channels that exist; ``waiting``: the notes to look at, by default those of
        ``waiting()``. A note is deleted after its message was taken, so that a crash in between collects it again.
        """
        for path in self.waiting() if waiting is None else waiting:
            note = self._fallback_note(path) if self._is_fallback(path) else _read_note(path)
            if note is not None and (note.sent or note.call not in alive):
                yield from self._take(path, note)

    def _is_fallback(self, note: Path) -> bool:
        return note.parent == self.fallback

    def _fallback_note(self, path: Path) -> _Note:
        """The note of the fallback, whose file is named after the call."""
        note = _read_note(path) or _Note(self.sound(path).stat().st_mtime)
        return replace(note, call=path.stem)

    def _take(self, path: Path, note: _Note) -> Iterator[Collected]:
        fallback = self._is_fallback(path)
        name = _name(note.at, note.call) if fallback else path.stem
        sent = MessageEnd.SENT if note.sent else MessageEnd.HANG_UP
        why = MessageEnd.FALLBACK if fallback else sent
        source = self.sound(path)
        length = _length(source)
        if length >= (SHORTEST_FALLBACK_S if fallback else SHORTEST_S):
            file = self._move(source, name)
            yield Collected(note.call, note.at, MessageLeft(name, file, note.lang, note.number, length, why))
        path.unlink(missing_ok=True)  # after the event is written: a crash in between collects again
        source.unlink(missing_ok=True)

    def _move(self, source: Path, name: str) -> str:
        """Copy, sync and rename a sound; returns its path relative to the state directory."""
        target = self.kept / f"{name}.wav"
        draft = target.with_suffix(".part")
        try:
            shutil.copyfile(source, draft)
            sync(draft)
            draft.replace(target)
            sync(target.parent)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return self._state.name_of(target)

    def _write(self, name: str, note: object) -> None:
        draft = self.notes / f"{name}.tmp"
        draft.write_text(json.dumps(note), "utf-8")
        draft.replace(self.notes / f"{name}.json")


def _read_note(path: Path) -> _Note | None:
    """Read a note; of one that a crash left unreadable only the time is known.  None when it is gone."""
    try:
        at = path.stat().st_mtime
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:  # it was discarded meanwhile
        return None
    try:
        note = _Note(**{"at": at, **json.loads(text)})
        return replace(note, at=float(note.at))
    except (ValueError, TypeError):
        log.error("%s: a note that cannot be read; its message is kept without number and language", path)
        return _Note(at)


def _name(at: float, call_id: str) -> str:
    """A name that depends on the time and the call alone."""
    number = int.from_bytes(hashlib.blake2s(call_id.encode(), digest_size=4).digest())
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}-{number % 1_000_000_000:09d}"


def _length(path: Path) -> float:
    """Seconds of sound in a WAV, whose header is repaired first; 0 when there is none.

    Raises OSError, for example on a full disk; the length is then unknown, and the file must stay.
    """
    if not path.exists():
        return 0.0
    repair_wav(path)
    try:
        return round(seconds(read_audio(path)), 2)
    except AudioError:
        return 0.0
