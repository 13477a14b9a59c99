"""Our jail as fail2ban reads it; tests/service/calls/test_strangers.py tests the filter on a scan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ivr.core.settings import load
from ivr.setup import fail2ban
from tests.conftest import ROOT


def test_the_jail_drops_every_packet_of_an_address(tmp_path: Path) -> None:
    installed = fail2ban.folder(load(root=ROOT))
    shutil.copytree(installed / "etc/fail2ban", tmp_path / "etc")
    shutil.copytree(ROOT / "dialplans/fail2ban", tmp_path / "etc", dirs_exist_ok=True)
    (tmp_path / "etc/jail.d/defaults-debian.conf").unlink()  # sshd's
    (tmp_path / "security.log").touch()
    jail = tmp_path / "etc/jail.d/accueil.conf"
    (path,) = (line for line in jail.read_text("utf-8").splitlines() if line.startswith("logpath"))
    jail.write_text(jail.read_text("utf-8").replace(path, f"logpath = {tmp_path / 'security.log'}"), "utf-8")
    output = subprocess.run(
        [sys.executable, str(installed / "usr/bin/fail2ban-client"), "-c", str(tmp_path / "etc"), "-d"],
        env={**os.environ, "PYTHONPATH": str(installed / "usr/lib/python3/dist-packages")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "['start', 'accueil']" in output and "['set', 'accueil', 'maxretry', 3]" in output
    assert "['blocktype', 'drop']" in output and "['protocol', 'tcp,udp']" in output
