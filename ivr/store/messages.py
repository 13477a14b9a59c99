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
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ivr.core.audio import HEADER_BYTES, RATE, audio_of, repaired, seconds, to_samples
from ivr.core.errors import AudioError, UnusableFile
from ivr.core.events import MessageLeft
from ivr.core.files import read_regular, write_durably
from ivr.core.pbx_names import SHORTEST_FALLBACK_S
from ivr.core.settings import Settings
from ivr.core.vocabulary import MessageEnd
from ivr.store.quarantine import Quarantine, shown

log = logging.getLogger(__name__)

SHORTEST_S = 1.0
"""A recording with less sound (seconds) is a hang-up and not a message."""
FULL_BYTES = 32_000
"""Bytes of two seconds of a message: with less free space the disk counts as full."""
DAY_S = 86_400.0
FRAME = RATE // 50
"""Samples of 20 ms."""
AUDIBLE = 32
"""Mean amplitude of 20 ms, of 32768, that may be a whisper: ``silencethreshold`` of dialplans/asterisk/dsp.conf."""
LONGEST_NUMBER = 64
"""Characters of the column ``messages.number``."""
_ID = re.compile(r"[\w.+-]{1,64}", re.ASCII)


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
        self._quarantine = Quarantine(settings)

    @staticmethod
    def new_name() -> str:
        """A name for a recording that is about to start."""
        return f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}"

    def begin(self, call_id: str, number: str, lang: str, name: str = "") -> str:
        """Write the note of a recording that is about to start; returns its name, ``name`` or a new one."""
        name = name or self.new_name()
        note = {"call": call_id, "number": number, "lang": lang, "at": time.time(), "sent": False}
        self._write(name, note)
        return name

    def keep(self, name: str) -> None:
        """Record that the caller has sent the message; where that fails it is collected after the call."""
        path = self.notes / f"{name}.json"
        try:
            note = _read_note(path)
            if note is not None:
                self._write(name, asdict(replace(note, sent=True)))
        except OSError as error:
            log.error("ALARM: %s: %s: message %s is collected after the call", path, error.strerror, name)

    def discard(self, name: str) -> None:
        """Delete a recording and its note: the caller recorded again, or said nothing."""
        (self.notes / f"{name}.json").unlink(missing_ok=True)
        (self.spool / f"{name}.wav").unlink(missing_ok=True)

    def audio(self, name: str) -> bytes:
        """A recording as slin16; empty when it cannot be read."""
        try:
            return audio_of(read_regular(source := self.spool / f"{name}.wav"), source)
        except (AudioError, UnusableFile, OSError) as error:
            log.warning("message %s cannot be played back: %s", name, error)
            return b""

    def length(self, name: str) -> float | None:
        """Seconds of sound in a recording, as the collector counts them; None when it cannot be read."""
        source = self.spool / f"{name}.wav"
        try:
            return _length(read_regular(source), source)
        except (AudioError, UnusableFile, OSError):
            return None

    def is_audible(self, name: str) -> bool:
        """Whether a recording holds anything above ``AUDIBLE``; True when it cannot be read."""
        pcm = np.abs(to_samples(self.audio(name)).astype(np.int32))
        frames = pcm[: pcm.size // FRAME * FRAME].reshape(-1, FRAME)
        return not pcm.size or bool((frames.mean(axis=1) >= AUDIBLE).any())

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
        kinds = ("*.wav", "*.json")
        fallback = {path.with_suffix(".json") for kind in kinds for path in self.fallback.glob(kind)}
        return [*sorted(self.notes.glob("*.json")), *sorted(fallback)]

    def sound(self, note: Path) -> Path:
        """The file into which Asterisk records the message of a note."""
        return (self.fallback if self._is_fallback(note) else self.spool) / f"{note.stem}.wav"

    def collect(self, alive: Collection[str], waiting: Iterable[Path] | None = None) -> Iterator[Collected]:
        """Move finished messages to their place; yields each.

        ``alive``: ids of the channels that exist; ``waiting``: the notes to look at, by default those of
        ``waiting()``. A note is deleted after its message was taken, so that a crash in between collects it again.
        Each message is tried by itself: what cannot be read is set aside, and what the disk does not take waits.
        """
        for path in self.waiting() if waiting is None else waiting:
            if any(map(self._quarantine.is_stuck, (path, self.sound(path)))):
                continue
            note = self._note(path)
            if note is not None and (note.sent or note.call not in alive):
                yield from self._take(path, note)

    def _is_fallback(self, note: Path) -> bool:
        return note.parent == self.fallback

    def _note(self, path: Path) -> _Note | None:
        """The note of a message; None when it is gone, or must be read later."""
        try:
            note = _read_note(path)
        except UnusableFile as error:
            self._quarantine.set_aside(path, error)
            note = None if not self.sound(path).exists() else _Note(time.time())
        except OSError as error:
            self._quarantine.failed(error, path, self.sound(path))
            return None
        if not self._is_fallback(path):
            return note
        # the file of the fallback is named after the call
        call = path.stem if _ID.fullmatch(path.stem) else ""
        return replace(note or _Note(_changed(self.sound(path))), call=call)

    def _take(self, path: Path, note: _Note) -> Iterator[Collected]:
        fallback = self._is_fallback(path)
        source = self.sound(path)
        try:
            content = read_regular(source)
            length = _length(content, source)
        except FileNotFoundError:
            length = 0.0
        except (AudioError, UnusableFile, OSError) as error:
            self._quarantine.failed(error, source, path)
            return
        if length >= (SHORTEST_FALLBACK_S if fallback else SHORTEST_S):
            name = path.stem if not fallback and _ID.fullmatch(path.stem) else _name(note.at, path.stem)
            file = self._store(name, content)
            if not file:
                return
            sent = MessageEnd.SENT if note.sent else MessageEnd.HANG_UP
            why = MessageEnd.FALLBACK if fallback else sent
            yield Collected(note.call, note.at, MessageLeft(name, file, note.lang, note.number, length, why))
        self._quarantine.remove(path, source)  # after the event is written: a crash in between collects again

    def _store(self, name: str, content: bytes) -> str:
        """Write a sound with a correct header; returns its path relative to the state directory.

        The path is empty when the disk does not take it.
        """
        target = self.kept / f"{name}.wav"
        try:
            write_durably(target, repaired(content) or content)
        except OSError as error:
            self._quarantine.not_taken(target, error)
            return ""
        self._quarantine.taken(target)
        return self._state.name_of(target)

    def _write(self, name: str, note: object) -> None:
        write_durably(self.notes / f"{name}.json", json.dumps(note))


def _read_note(path: Path) -> _Note | None:
    """Read a note; of one that a crash left unreadable only the time is known.  None when it is gone.

    Raises UnusableFile or OSError when the file cannot be read.
    """
    try:
        content = read_regular(path)
    except FileNotFoundError:  # it was discarded meanwhile
        return None
    try:
        told = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("at"), int | float):
        log.error("%s: a note that cannot be read; its message is kept with what it tells", shown(path))
        told = told if isinstance(told, dict) else {}
    texts = {name: value for name in ("call", "number", "lang") if isinstance(value := told.get(name), str)}
    at = told.get("at")
    return _Note(
        at=_plausible(at) if isinstance(at, int | float) else _changed(path),
        call=texts.get("call", "") if _ID.fullmatch(texts.get("call", "")) else "",
        number=texts.get("number", "")[:LONGEST_NUMBER],
        lang=texts.get("lang", "") if re.fullmatch("[a-z]{2}", texts.get("lang", "")) else "",
        sent=told.get("sent") is True,
    )


def _changed(path: Path) -> float:
    """When a file was last changed, seconds since 1970; now, when it is gone or its date lies in the future."""
    try:
        return _plausible(path.lstat().st_mtime)
    except OSError:
        return time.time()


def _plausible(at: float) -> float:
    """A time in seconds since 1970; now in place of one that cannot be, such as one of tomorrow or NaN."""
    now = time.time()
    return float(at) if 0 < at < now + DAY_S else now


def _name(at: float, stem: str) -> str:
    """A name that depends on the time and on the name of the file in the spool alone."""
    number = int.from_bytes(hashlib.blake2s(os.fsencode(stem), digest_size=4).digest())
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}-{number % 1_000_000_000:09d}"


def _length(content: bytes, path: Path) -> float:
    """Seconds of sound in a WAV, whose header may be wrong; 0 when there is none.

    Raises AudioError for content of another kind.
    """
    if len(content) <= HEADER_BYTES:
        return 0.0
    return round(seconds(audio_of(content, path)), 2)
