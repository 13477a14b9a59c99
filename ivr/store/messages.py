"""Messages on their way from Asterisk's spool to the store.

Before a recording starts a note is written (``pending/<name>.json``).  A message is collected when the caller
has sent it, or when his channel is gone and he had not discarded it: so a hang-up, a crash of ours or of
Asterisk loses nothing.  What the dialplan's own voicemail took while no application lived is collected too.
"""

from __future__ import annotations

import configparser
import json
import logging
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.audio import read_audio, repair_wav, seconds, sync
from ivr.config import Settings
from ivr.errors import AudioError
from ivr.events import MessageLeft

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


class Pending:
    """Notes of recordings that run or wait to be collected."""

    def __init__(self, settings: Settings) -> None:
        self.spool = settings.pbx / "spool/recording"
        self.boxes = settings.pbx / "spool/voicemail/accueil"
        self.state = settings.state
        self.notes = settings.state / "voicemail/pending"
        self.kept = settings.state / "voicemail"
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

    def disk_full(self) -> bool:
        """Whether there is no room left where Asterisk records: what it has recorded may be cut short."""
        try:
            return shutil.disk_usage(self.spool).free < FULL_BYTES
        except FileNotFoundError:  # Asterisk's disk is not one of this machine
            return False

    def waiting(self) -> list[Path]:
        """The notes there are; to be asked for before the channels are, so that each note's channel is known."""
        return sorted(self.notes.glob("*.json"))

    def collect(self, alive: Collection[str], waiting: Iterable[Path] | None = None) -> Iterator[Collected]:
        """Move finished messages to their place; ``alive`` are the ids of channels that still exist."""
        for path in self.waiting() if waiting is None else waiting:
            note = _read_note(path)
            if note is not None and (note["sent"] or note["call"] not in alive):
                yield from self._take(path, note)
        yield from self._from_the_dialplan()

    def _take(self, path: Path, note: dict[str, Any]) -> Iterator[Collected]:
        name = path.stem
        source = self.spool / f"{name}.wav"
        length = _length(source)
        if length >= SHORTEST_S:
            file = self._move(source, name)
            why = "sent" if note["sent"] else "hang-up"
            event = MessageLeft(name, file, note["lang"], note["number"], length, why)
            yield Collected(note["call"], float(note["at"]), event)
        path.unlink(missing_ok=True)  # after the event is written: a crash in between collects again
        source.unlink(missing_ok=True)

    def _from_the_dialplan(self) -> Iterator[Collected]:
        for text in sorted(self.boxes.glob("*/INBOX/msg*.txt")):
            source = text.with_suffix(".wav")
            about = _voicemail_facts(text)
            at = float(about["origtime"]) if about.get("origtime", "").isdecimal() else text.stat().st_mtime
            # msg0000 is the name of the next message, too, once this one is taken: its file's time tells them apart
            unique = f"{text.stem.removeprefix('msg')}{text.stat().st_mtime_ns % 1_000_000_000:08x}"
            name = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(at))}-{unique}"
            length = _length(source)
            if length >= SHORTEST_S:
                file = self._move(source, name)
                number = about.get("callerid", "").rpartition("<")[2].rstrip(">")
                call_id, lang = _call_of(about)
                yield Collected(call_id, at, MessageLeft(name, file, lang, number, length, "fallback"))
            text.unlink()
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
        return str(target.relative_to(self.state))

    def _write(self, name: str, note: object) -> None:
        draft = self.notes / f"{name}.tmp"
        draft.write_text(json.dumps(note), "utf-8")
        draft.replace(self.notes / f"{name}.json")


def _read_note(path: Path) -> dict[str, Any] | None:
    """A note; one that a crash left unreadable says that the recording is there, and no more."""
    try:
        text, at = path.read_text("utf-8", "replace"), path.stat().st_mtime
    except FileNotFoundError:  # discarded meanwhile
        return None
    unknown: dict[str, Any] = {"call": "", "number": "", "lang": "", "sent": False, "at": at}
    try:
        note = unknown | dict(json.loads(text))
        return note | {"at": float(note["at"])}
    except (ValueError, TypeError):
        log.error("%s: a note that cannot be read; its message is kept without number and language", path)
        return unknown


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


def _call_of(about: Mapping[str, str]) -> tuple[str, str]:
    """The call and the language that the dialplan put where the caller's name was; empty where it did not."""
    name = about.get("callerid", "").rpartition("<")[0].strip().strip('"')
    call_id, mark, lang = name.partition("/")
    return (call_id, lang) if mark and " " not in call_id else ("", "")


def _voicemail_facts(path: Path) -> dict[str, str]:
    """What app_voicemail wrote beside a message."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text("utf-8", "replace"))
    except configparser.Error as error:  # cut off by a full disk
        log.warning("%s: %s", path, str(error).splitlines()[0])
    return dict(parser["message"]) if parser.has_section("message") else {}
