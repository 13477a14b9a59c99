"""What is written for Asterisk, and starting, reloading and ending it."""

from __future__ import annotations

import dataclasses
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from ivr.asterisk.config import CUSTOM, render
from ivr.asterisk.hold_music import hold_music
from ivr.asterisk.parameters import PbxParameters, PbxTelephone, TrunkParameters
from ivr.asterisk.process import NAME_SERVERS, OWNER, Asterisk, _is_over, _who
from ivr.core.audio import PHONE_RATE, read_audio, to_floats
from ivr.core.errors import SetupError
from ivr.core.settings import Settings


def test_every_template_is_filled_in(settings: Settings) -> None:
    etc = render(settings, PbxParameters())
    templates = {path.name for path in (settings.root / "dialplans/asterisk").glob("*.conf")}
    assert templates <= {path.name for path in etc.iterdir()}
    for path in etc.iterdir():
        assert "{{" not in path.read_text() and "{%" not in path.read_text(), path.name


def test_the_http_server_never_leaves_the_machine(settings: Settings) -> None:
    text = (
        render(dataclasses.replace(settings, sip_bind="0.0.0.0"), PbxParameters()) / "http.conf"
    ).read_text()
    assert "bindaddr = 127.0.0.1" in text and f"bindport = {settings.http_port}" in text


def test_passwords_are_for_nobody_else(settings: Settings) -> None:
    etc = render(settings, PbxParameters())
    for name in ("ari.conf", "pjsip.conf"):
        assert not stat.S_IMODE((etc / name).stat().st_mode) & 0o007
        assert any(secret in (etc / name).read_text() for secret in settings.secrets.values())


def test_no_trunk_unless_there_is_one(settings: Settings) -> None:
    assert "trunk" not in (render(settings, PbxParameters()) / "pjsip.conf").read_text()
    text = (
        render(settings, PbxParameters(trunk=TrunkParameters(allowed=("192.0.2.1", "192.0.2.0/28"))))
        / "pjsip.conf"
    ).read_text()
    assert "match = 192.0.2.1\n" in text and "match = 192.0.2.0/28\n" in text


def test_an_endpoint_for_every_adviser(settings: Settings) -> None:
    text = (
        render(settings, PbxParameters(advisers=(PbxTelephone("anna", "anna"), PbxTelephone("luc", "luc"))))
        / "pjsip.conf"
    ).read_text()
    for name in ("anna", "luc"):
        assert text.count(f"[{name}]") == 3


def test_recording_can_be_switched_off(settings: Settings) -> None:
    assert "MixMonitor" in (render(settings, PbxParameters()) / "extensions.conf").read_text()
    assert "MixMonitor" not in (render(settings, PbxParameters(record=False)) / "extensions.conf").read_text()


def test_the_administrators_own_files_are_made_once_and_kept(settings: Settings) -> None:
    render(settings, PbxParameters())
    for name in CUSTOM:
        own = settings.state / "asterisk" / name
        own.write_text("; mine\n")
    etc = render(settings, PbxParameters())
    for name in CUSTOM:
        assert (settings.state / "asterisk" / name).read_text() == "; mine\n" == (etc / name).read_text()


def test_without_an_asterisk_the_error_says_what_to_do(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="make setup"):
        render(dataclasses.replace(settings, var=tmp_path), PbxParameters())


def test_hold_music_is_soft_and_loops_without_a_click(settings: Settings) -> None:
    music = to_floats(hold_music(PHONE_RATE))
    assert music.size == 16 * PHONE_RATE
    assert 0.05 < float(np.abs(music).max()) < 0.5
    steps = np.abs(np.diff(music))
    assert abs(float(music[0] - music[-1])) <= float(steps.max())
    render(settings, PbxParameters())
    assert read_audio(settings.pbx / "sounds/music/hold.wav")


@pytest.mark.asterisk
async def test_it_runs_as_its_own_user_and_writes_its_log_where_we_look(
    asterisk: Asterisk, settings: Settings
) -> None:
    assert asterisk.pid is not None and await asterisk.healthy()
    assert os.stat(f"/proc/{asterisk.pid}").st_uid != 0
    assert os.getpgid(asterisk.pid) == asterisk.pid != os.getpgrp()
    log = (settings.state / "logs/asterisk.log").read_text()
    assert " ERROR[" not in log
    assert "Asterisk 22" in await asterisk.command("core show version")


@pytest.mark.asterisk
async def test_a_new_configuration_is_read_without_a_restart(asterisk: Asterisk, settings: Settings) -> None:
    pid = asterisk.pid
    assert "luc" not in await asterisk.command("pjsip show endpoints")
    render(settings, PbxParameters(advisers=(PbxTelephone("luc", "luc"),), message_s=99))
    await asterisk.reload()
    assert "luc" in await asterisk.command("pjsip show endpoints")
    assert asterisk.pid == pid


@pytest.mark.asterisk
async def test_a_leftover_of_the_same_instance_is_ended(settings: Settings) -> None:
    render(settings, PbxParameters())
    lost = Asterisk(settings)
    await lost.start()
    async with Asterisk(settings) as found:
        assert await lost.wait() != 0
        assert found.pid is not None and await found.healthy()
    await lost.stop()
    await lost.stop()


# its first thread ends (exit(2), not exit_group(2)), the other goes on until its input ends
TWO_THREADS = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).syscall({exit}, 0)
"""


def test_a_process_is_over_when_its_last_thread_is() -> None:
    script = TWO_THREADS.format(exit={"x86_64": 60, "aarch64": 93}[os.uname().machine])
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as started:
        process = psutil.Process(started.pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not _is_over(process)
        assert started.stdin is not None
        started.stdin.close()
        while process.num_threads() > 1:
            time.sleep(0.01)
        assert _is_over(process)
    assert _is_over(process)


@pytest.mark.asterisk
async def test_an_instance_runs_only_once(asterisk: Asterisk, settings: Settings) -> None:
    (settings.pbx / OWNER).write_text(_who(1))  # as if another living process had started it
    with pytest.raises(SetupError, match="runs already"):
        await Asterisk(settings).start()
    assert await asterisk.healthy()


@pytest.mark.asterisk
@pytest.mark.parametrize(
    ("kind", "told"), [(socket.SOCK_DGRAM, "IVR_SIP_PORT"), (socket.SOCK_STREAM, "IVR_HTTP_PORT")]
)
async def test_a_taken_port_is_named(settings: Settings, kind: socket.SocketKind, told: str) -> None:
    render(settings, PbxParameters())
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", settings.sip_port if kind is socket.SOCK_DGRAM else settings.http_port))
        if kind is socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(SetupError, match=told):
            await Asterisk(settings).start()


@pytest.mark.asterisk
async def test_when_it_cannot_start_the_error_says_why(settings: Settings) -> None:
    etc = render(settings, PbxParameters())
    (etc / "modules.conf").write_text("[modules]\nautoload = no\nrequire = no_such_module.so\n")
    with pytest.raises(SetupError, match="did not start"):
        await Asterisk(settings).start()


@pytest.mark.asterisk
async def test_asterisk_asks_the_name_servers_that_the_machine_has_now(settings: Settings) -> None:
    render(settings, PbxParameters())
    names, now = settings.rootfs / "etc/resolv.conf", NAME_SERVERS.read_bytes()
    names.write_text("nameserver 192.0.2.1\n")
    async with Asterisk(settings):
        assert names.read_bytes() == now


@pytest.mark.asterisk
async def test_asterisk_can_read_a_sound_that_was_written_while_it_ran(settings: Settings) -> None:
    """Under the umask of the unit for systemd, a new file is for its owner alone."""
    render(settings, PbxParameters())
    async with Asterisk(settings) as asterisk:
        written = settings.pbx / "share/sounds/fr_30/desk/place.wav"
        written.parent.mkdir(parents=True)
        written.write_bytes(b"sound")
        written.chmod(0o600)
        asterisk.own_files()
        owner = (settings.pbx / "etc").stat().st_uid
        assert owner != 0 and {written.stat().st_uid, written.parent.stat().st_uid} == {owner}
