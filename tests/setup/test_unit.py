"""The unit for systemd: what keeps the line up is in it, and systemd finds no fault."""

from __future__ import annotations

import configparser
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from ivr.core.settings import load
from ivr.service import systemd
from ivr.setup import unit
from tests.conftest import ROOT


def test_it_is_started_again_for_ever_after_network_and_clock() -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names of options as they are
    parser.read_string(unit.text(load(root=ROOT)))
    head, service = parser["Unit"], parser["Service"]
    for target in ("network-online.target", "time-sync.target"):
        assert target in head["Wants"].split() and target in head["After"].split()
    assert head["StartLimitIntervalSec"] == "0" and service["Restart"] == "always"
    assert int(service["LimitNOFILE"]) >= 65536
    assert service["Type"] == "notify" and int(service["WatchdogSec"]) > 0
    assert service["WorkingDirectory"] == str(ROOT)


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        return  # this machine has none; the test above holds what matters
    path = tmp_path / unit.NAME
    path.write_text(unit.text(load(root=ROOT)), "utf-8")
    shown = subprocess.run([program, "verify", "--man=no", path], capture_output=True, text=True, check=False)
    assert [line for line in shown.stderr.splitlines() if unit.NAME in line] == []


def test_signs_of_life_come_twice_as_often_as_systemd_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.tell("READY=1")
        assert listening.recv(100) == b"READY=1"
    systemd.tell("WATCHDOG=1")  # nobody listens any more: no error
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_s() == 15
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_s() == 0
