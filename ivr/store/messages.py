"""Messages on their way from Asterisk's spool to the store.

Before a recording starts a note is written (``pending/<name>.json``).  A message is collected when the caller
has sent it, or when his channel is gone and he had not discarded it: so a hang-up, a crash of ours or of
Asterisk loses nothing.  The dialplan's fallback writes the same note by itself, named after the channel and beside
the recording (context ``fallback`` of ``extensions.conf``).
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
"""A file with less sound (seconds) is a hang-up, not a message."""
FULL_BYTES = 32_000
"""Two seconds of a message."""


@dataclass(frozen=True)
class Collected:
    """A message moved to its place, and the call it belongs to (empty: none of ours)."""

    call_id: str
    at: float
    event: MessageLeft


@dataclass(frozen=True)
class _Note:
    """What is known of a recording; ``at``: seconds since 1970."""

    at: float
    call: str = ""
    number: str = ""
    lang: str = ""
    sent: bool = False


class VoicemailSpool:
    """Notes of recordings that run or wait to be collected."""

    def __init__(self, settings: Settings) -> None:
        self.spool = settings.pbx / "spool/recording"
        self.fallback = settings.pbx / "spool/fallback"
        self._state = settings.state_dir
        self.notes = settings.state_dir.pending_messages
        self.kept = settings.state_dir.voicemail
        self.notes.mkdir(parents=True, exist_ok=True)

    def begin(self, call_id: str, number: str, lang: str) -> str:
        """Note a recording about to start; returns its name."""
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}"
        note = {"call": call_id, "number": number, "lang": lang, "at": time.time(), "sent": False}
        self._write(name, note)
        return name

    def keep(self, name: str) -> None:
        """The caller has sent it."""
        path = self.notes / f"{name}.json"
        if path.exists():
            self._write(name, json.loads(path.read_text("utf-8")) | {"sent": True})

    def discard(self, name: str) -> None:
        """It was recorded again, or there was nothing in it."""
        (self.notes / f"{name}.json").unlink(missing_ok=True)
        (self.spool / f"{name}.wav").unlink(missing_ok=True)

    def audio(self, name: str) -> bytes:
        """The recording as slin16; empty when it cannot be read."""
        try:
            return read_audio(self.spool / f"{name}.wav")
        except (AudioError, OSError) as error:
            log.warning("message %s cannot be played back: %s", name, error)
            return b""

    def length(self, name: str) -> float | None:
        """Seconds of sound in a recording, as the collector counts them; None where that cannot be told."""
        source = self.spool / f"{name}.wav"
        try:
            return _length(source) if source.exists() else None
        except OSError:
            return None

    def disk_full(self) -> bool:
        """Whether there is no room left where Asterisk records: what it has recorded may be cut short."""
        try:
            return shutil.disk_usage(self.spool).free < FULL_BYTES
        except FileNotFoundError:  # Asterisk's disk is not one of this machine
            return False

    def waiting(self) -> list[Path]:
        """The notes there are; to be asked for before the channels are, so that each note's channel is known.

        A note of the fallback may be missing: then its recording stands alone.
        """
        theirs = {path.with_suffix(".json") for path in self.fallback.glob("*.*")}
        return [*sorted(self.notes.glob("*.json")), *sorted(theirs)]

    def sound(self, note: Path) -> Path:
        """Where Asterisk records what that note is about."""
        return (self.fallback if self._is_fallback(note) else self.spool) / f"{note.stem}.wav"

    def collect(self, alive: Collection[str], waiting: Iterable[Path] | None = None) -> Iterator[Collected]:
        """Move finished messages to their place; ``alive`` are the ids of channels that still exist."""
        for path in self.waiting() if waiting is None else waiting:
            note = self._fallback_note(path) if self._is_fallback(path) else _read_note(path)
            if note is not None and (note.sent or note.call not in alive):
                yield from self._take(path, note)

    def _is_fallback(self, note: Path) -> bool:
        return note.parent == self.fallback

    def _fallback_note(self, path: Path) -> _Note:
        """Its file's name is the call's, whatever it tells."""
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
        """Copy, sync, rename; returns the path relative to the state directory."""
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
    """A note; one that a crash left unreadable says that the recording is there, and no more."""
    try:
        at = path.stat().st_mtime
        text = path.read_text("utf-8", "replace")
    except FileNotFoundError:  # discarded meanwhile
        return None
    try:
        note = _Note(**{"at": at, **json.loads(text)})
        return replace(note, at=float(note.at))
    except (ValueError, TypeError):
        log.error("%s: a note that cannot be read; its message is kept without number and language", path)
        return _Note(at)


def _name(at: float, call_id: str) -> str:
    """The same each time, and another for each call."""
    number = int.from_bytes(hashlib.blake2s(call_id.encode(), digest_size=4).digest())
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}-{number % 1_000_000_000:09d}"


def _length(path: Path) -> float:
    """Seconds of sound in a WAV, its header mended first; 0 when there is none.

    Raises OSError, on a full disk for instance: then nothing is known, and nothing may be thrown away.
    """
    if not path.exists():
        return 0.0
    repair_wav(path)
    try:
        return round(seconds(read_audio(path)), 2)
    except AudioError:
        return 0.0
