"""Files are written whole or not at all, and only regular files are read."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from ivr.core.errors import UnusableFile
from ivr.core.files import is_regular, read_regular, write_durably
from tests.fakes.wrong_files import WRONG, lift

READABLE = (
    "empty",
    "unreadable",
    "future",
    "zeros",
    "torn JSON",
    "JSON of another type",
    "nested JSON",
    "list",
)
"""Wrong content, in regular files that root can read."""


def test_the_new_content_replaces_the_old_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "mark"
    write_durably(path, "first é")
    write_durably(path, b"second")
    assert path.read_bytes() == b"second" and os.listdir(path.parent) == ["mark"]


def test_a_disk_that_takes_a_part_only_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    write_durably(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError):
            write_durably(path, bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["mark"]


def test_a_secret_is_private_from_its_first_byte(tmp_path: Path) -> None:
    write_durably(tmp_path / "secrets", "x", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o600


def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("innocent")
    (tmp_path / "mark").symlink_to(tmp_path / "victim")
    write_durably(tmp_path / "mark", "new")
    assert (tmp_path / "victim").read_text() == "innocent" and is_regular(tmp_path / "mark")


@pytest.mark.parametrize("kind", WRONG)
def test_reading_never_waits_and_never_follows_a_link(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    WRONG[kind](path)
    try:
        if kind in READABLE:
            assert isinstance(read_regular(path), bytes)
        else:
            with pytest.raises((UnusableFile, OSError)):
                read_regular(path)
    finally:
        lift(path)
