"""Files that are replaced together: all or none, and readable by whom they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivr.core.staged_files import StagedFiles


def test_nothing_changes_when_one_file_cannot_be_written(tmp_path: Path) -> None:
    first, folder = tmp_path / "first", tmp_path / "not-a-folder"
    first.write_text("old")
    folder.write_text("a file")
    with pytest.raises(OSError), StagedFiles() as files:
        files.write(first, "new")
        files.write(folder / "second", "new")
        files.commit()
    assert first.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "not-a-folder"]


def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    """Asterisk runs as a user of its own, and reads its key at each call."""
    key = tmp_path / "key.pem"
    key.write_text("old")
    os.chown(key, 4321, 4322)
    with StagedFiles() as files:
        files.write(key, "new", mode=0o640)
        files.write(tmp_path / "other.pem", "new")
        files.commit()
    assert (key.read_text(), key.stat().st_uid, key.stat().st_gid) == ("new", 4321, 4322)
    assert key.stat().st_mode & 0o777 == 0o640
