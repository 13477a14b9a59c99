"""What may lie in a spool folder and is not what belongs there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from ivr.core.settings import Settings

LATER_S = 4_102_444_800.0
"""The year 2100, in seconds since 1970."""


def folder(path: Path) -> None:
    path.mkdir()
    (path / "in the way").write_text("x")


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # an address has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


def of_the_future(path: Path) -> None:
    path.write_bytes(b"garbage, longer than the header of a WAV file, which has 44 bytes")
    os.utime(path, (LATER_S, LATER_S))


def unreadable(path: Path) -> None:
    path.write_bytes(b"secret")
    path.chmod(0)


def io_error(path: Path) -> None:
    """A regular file each read of which fails with EIO: the memory of a process at address 0."""
    path.touch()
    subprocess.run(["mount", "--bind", "/proc/self/mem", path], check=True)


def other_json(path: Path) -> None:
    lists = {
        "call": ["c1"],
        "number": {"a": 1},
        "lang": 5,
        "at": 10**400,
        "sent": "yes",
        "kind": "key",
        "seq": [],
    }
    path.write_text(json.dumps(lists) + "\n")


WRONG: dict[str, Callable[[Path], object]] = {
    "empty": Path.touch,
    "folder": folder,
    "dangling link": lambda path: path.symlink_to("/nowhere/at/all"),
    "link outside": lambda path: path.symlink_to("/etc/hostname"),
    "FIFO": os.mkfifo,
    "socket": unix_socket,
    "device": lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)),  # /dev/zero
    "I/O error": io_error,
    "unreadable": unreadable,
    "huge": huge,
    "future": of_the_future,
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "torn JSON": lambda path: path.write_text('{"at": 1795510800, "number": "+3361'),
    "JSON of another type": other_json,
    "nested JSON": lambda path: path.write_text("[" * 200_000),
    "list": lambda path: path.write_text("[1, 2, 3]\n"),
}
"""Kinds by name; each makes the file at a path."""
NAMES = {
    "plain": "0bad",
    "newline": "0bad\nALARM: forged",
    "no UTF-8": "0bad\udcff",
    "pattern": "0*[a-z]?",
    "long": "0" * 200,
}
"""What the names of such files may be."""


def lift(path: Path) -> None:
    """Unmount what ``WRONG`` has mounted at ``path``, so that the folder can be deleted."""
    while os.path.ismount(path):  # Path.is_mount knows folders only
        subprocess.run(["umount", path], check=True)


def places(settings: Settings, name: str, call: str) -> list[Path]:
    """A path in every folder from which something is collected; each sorts before what belongs there.

    call: the id of a call, among whose captures one is, too.
    """
    spool, state = settings.pbx / "spool", settings.state_dir
    return [
        *(spool / "fallback" / f"{name}{end}" for end in (".wav", ".json")),
        *(spool / "monitor" / f"{name}-{side}.wav16" for side in ("in", "out")),
        spool / "recording" / f"{name}.wav",
        state.pending_messages / f"{name}.json",
        state.voicemail / f"{name}.wav",
        state.recordings / f"{name}.flac",
        state.captures / f"{name}-1.pcm",
        state.captures / f"{call}-1.pcm",
        state.refusals / name,
        state.spool / f"{name}.jsonl",
    ]
