"""What Asterisk leaves behind on its disk: recordings, messages of the fallback, files cut by a crash."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ivr.core.audio import PHONE_RATE, wav_bytes
from ivr.core.settings import Settings
from ivr.store.messages import VoicemailSpool


def tone(seconds: float, rate: int = PHONE_RATE) -> bytes:
    """Something to hear, as samples."""
    t = np.arange(round(seconds * rate)) / rate
    return bytes((8000 * np.sin(2 * np.pi * 440 * t)).astype("<i2").tobytes())


def wav(seconds: float) -> bytes:
    """A finished recording."""
    return wav_bytes(tone(seconds), PHONE_RATE)


def cut_wav(seconds: float) -> bytes:
    """A recording whose writer was killed: all the sound is there, the lengths in the header are 0."""
    content = bytearray(wav(seconds))
    struct.pack_into("<I", content, 4, 0)
    struct.pack_into("<I", content, 40, 0)
    return bytes(content)


FALLBACK_NOTE = '{"at": 1795510800, "number": "+34912345678", "lang": "es"}\n'
"""As extensions.conf writes it."""


class Spool:
    """One instance's disk."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root=root, var=root / "var", instance="fake")
        self.pending = VoicemailSpool(self.settings)
        self.recordings = self.settings.pbx / "spool/recording"
        self.monitor = self.settings.pbx / "spool/monitor"
        self.fallback = self.settings.pbx / "spool/fallback"
        for folder in (self.recordings, self.monitor, self.fallback):
            folder.mkdir(parents=True)

    def record(self, content: bytes | None, call_id: str = "c1") -> str:
        """A message of a call, begun by us and recorded by Asterisk; ``None``: no file yet."""
        name = self.pending.begin(call_id, "+331", "fr")
        if content is not None:
            (self.recordings / f"{name}.wav").write_bytes(content)
        return name

    def leave_at_fallback(
        self, content: bytes, call_id: str = "fake-1795510790.7", note: str | None = FALLBACK_NOTE
    ) -> None:
        """A message that the dialplan took by itself; ``None``: its note was never written."""
        (self.fallback / f"{call_id}.wav").write_bytes(content)
        if note is not None:
            (self.fallback / f"{call_id}.json").write_text(note)

    def left(self) -> list[str]:
        """Files that still wait somewhere."""
        places = (self.recordings, self.monitor, self.fallback, self.pending.notes)
        return sorted(path.name for place in places if place.exists() for path in place.iterdir())


@contextmanager
def tiny_disk(place: Path) -> Iterator[None]:
    """Mount a disk without room for a message at ``place``, inside the block."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "accueil-test", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)
