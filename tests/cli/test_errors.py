"""What a command says when the machine refuses something."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("target", ["/proc/accueil.tar", "/etc/hostname/accueil.tar"])
def test_a_file_that_cannot_be_written_is_told_of_in_one_line(target: str) -> None:
    command = [sys.executable, "-m", "ivr.cli", "backup", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("ivr: ") and target.rpartition("/")[0] in line
