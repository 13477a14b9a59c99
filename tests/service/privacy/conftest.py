"""An instance with calls, messages and callbacks of two people, on both databases."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.core import events as kinds
from ivr.core.errors import AudioError
from ivr.core.settings import Settings
from ivr.store.database import Store
from ivr.store.journal import Journal
from ivr.store.quarantine import Quarantine
from tests.conftest import ROOT
from tests.store.conftest import database, postgresql
from tests.store.spool import FALLBACK_NOTE, Spool, wav

__all__ = ["database", "postgresql"]

ANA, BEN = "+33612345678", "+33698765432"
DAY_S = 86_400


class Office:
    """One instance; ``call`` and ``leave`` make what a call leaves behind."""

    def __init__(self, root: Path, database: str) -> None:
        self.spool = Spool(root)
        secrets = {"NUMBERS_KEY": "a key for tests"}
        self.settings: Settings = replace(
            self.spool.settings, root=ROOT, var=root / "var", database_url=database, secrets=secrets
        )
        self.store = Store(database)
        self._count = 0

    def call(self, number: str, *said: kinds.Event, days_ago: float = 0.0, recording: bool = True) -> str:
        """A call that ended so long ago; returns its id."""
        self._count += 1
        begun = time.time() - days_ago * DAY_S - 600
        call_id = f"fake-{begun:.0f}.{self._count}"
        told: list[kinds.Event] = [kinds.CallStarted(number, "accueil", "accueil-1"), *said]
        told.append(kinds.CallFinished("answered", "caller", 30.0))
        if recording:
            told.append(kinds.RecordingKept(self.sound(f"recordings/{call_id}.flac"), 30.0))
        self.append(
            *(kinds.Stamped(call_id, int(begun * 1e9) + n, float(n), event) for n, event in enumerate(told))
        )
        return call_id

    def leave(self, number: str, days_ago: float = 0.0) -> str:
        """A call with a message; returns the message's id."""
        name = f"message-{self._count}"
        left = kinds.MessageLeft(name, self.sound(f"voicemail/{name}.wav"), "fr", number, 5.0, "sent")
        self.call(
            number, left, kinds.MessageTranscribed(name, f"rappelez-moi au {number}", 0.8), days_ago=days_ago
        )
        return name

    def want(self, number: str, called_from: str) -> str:
        """A call in which a callback is asked for; returns the callback's id."""
        name = f"callback-{self._count}"
        self.call(called_from, kinds.CallbackWanted(name, number, "fr", 0.0, 1.0, "louvre.hours"))
        return name

    def sound(self, file: str) -> str:
        """A file with sound."""
        path = self.settings.state / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav(1.0))
        return file

    def replayed(self, call_id: str, heard: str) -> None:
        """A result that `ivr replay` keeps."""
        path = self.settings.state / "replays" / f"{call_id}-0123abcd.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps([{"call": call_id, "heard": {"then": heard}}], ensure_ascii=False), "utf-8"
        )

    def append(self, *told: kinds.Stamped) -> None:
        """As a worker does it."""
        journal = Journal(self.settings.state / "spool", self.store, self.settings.pseudonyms)
        for item in told:
            journal.append(item)
        assert journal.drain()
        journal.close()

    def spooled(self, number: str) -> None:
        """Messages that are not collected yet, and the logs of programs."""
        name = self.spool.pending.begin("fake-1795302000.77", number, "fr")
        (self.spool.recordings / f"{name}.wav").write_bytes(wav(3.0))
        place = len(list(self.spool.fallback.glob("*.wav")))
        note = FALLBACK_NOTE.replace("+34912345678", number)
        self.spool.leave_at_fallback(wav(4.0), f"fake-1795510790.{place}", note)
        for log in (self.settings.pbx / "log/asterisk.log", self.settings.state / "logs/worker.log"):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as file:
                file.write(f"NOTICE: Request 'INVITE' from '<sip:{number}@192.0.2.1>' failed\nanother line\n")

    def set_aside(self, number: str) -> None:
        """A note with its sound, which could not be collected."""
        quarantine, place = Quarantine(self.settings), len(list(self.spool.fallback.glob("*.wav")))
        self.spool.leave_at_fallback(
            b"no sound" * 9, f"bad-{place}", FALLBACK_NOTE.replace("+34912345678", number)
        )
        for path in self.spool.fallback.glob(f"bad-{place}.*"):
            quarantine.set_aside(path, AudioError("no sound"))

    def files(self) -> list[str]:
        """Sound that is kept, in the state directory."""
        state = self.settings.state
        found = [path for folder in ("recordings", "voicemail") for path in (state / folder).glob("*.*")]
        return sorted(str(path.relative_to(state)) for path in found)


@pytest.fixture
def office(tmp_path: Path, database: str) -> Iterator[Office]:
    made = Office(tmp_path, database)
    yield made
    made.store.close()
