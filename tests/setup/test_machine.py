"""What set-up does to the machine, and what it says without the permission."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.setup import asterisk, command, rasa_python, system
from ivr.setup.progress import ProgressBoard, Task

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and other users need root")


@pytest.fixture
def task() -> Task:
    return ProgressBoard(Console(file=io.StringIO())).task("Step")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_failed_program_is_reported_with_its_last_line(tmp_path: Path) -> None:
    broken = script(tmp_path / "broken", "echo one; echo 'E: no space left' >&2; exit 3")
    log = tmp_path / "log"
    with pytest.raises(SetupError, match=r"^apt failed: E: no space left \(all of it: .*log\)$"):
        command.run([broken], what="apt", log=log)
    assert log.read_text() == "one\nE: no space left\n"


def test_a_program_that_is_not_there_is_a_set_up_error() -> None:
    with pytest.raises(SetupError, match="^tool failed: /nonexistent/tool is not installed$"):
        command.run(["/nonexistent/tool"], what="tool")


def test_a_shim_that_fails_is_no_interpreter(tmp_path: Path) -> None:
    shim = script(tmp_path / "python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127")
    assert not rasa_python.works(shim, "3.10")
    assert not rasa_python.works(tmp_path / "absent", "3.10")
    assert not rasa_python.works(Path(sys.executable), "3.10")
    assert rasa_python.works(Path(sys.executable), f"{sys.version_info[0]}.{sys.version_info[1]}")


def test_the_named_interpreter_comes_first_then_whole_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_PYTHON310", "/opt/mine/python3.10")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    known = script(tmp_path / "pyenv" / "versions" / "3.10.13" / "bin" / "python3.10", "")
    script(tmp_path / "pyenv" / "versions" / "3.11.7" / "bin" / "python3.11", "")
    settings = Settings(root=tmp_path, var=tmp_path / "var")
    found = list(rasa_python.candidates(settings))
    assert found[0] == Path("/opt/mine/python3.10")
    assert known in found
    assert not [path for path in found if "3.11" in str(path)]


@pytest.mark.parametrize("at", ["partial", "old", "both names"])
def test_instances_survive_a_set_up_that_ended_anywhere(tmp_path: Path, at: str) -> None:
    """Instances hold messages; ``at``: where the power failure left the only copy."""
    rootfs = tmp_path / "rootfs"
    place = tmp_path / ("rootfs.partial" if at == "partial" else "rootfs.old") / "srv/main/spool"
    place.mkdir(parents=True)
    (place / "message.wav").write_text("precious")
    if at != "both names":
        (rootfs / "usr/sbin").mkdir(parents=True)
    asterisk.bring_back(rootfs)
    asterisk.clean(tmp_path / "rootfs.partial")
    assert (rootfs / "srv/main/spool/message.wav").read_text() == "precious"


@as_root
def test_an_interrupted_bootstrap_is_removed_without_touching_its_mounts(tmp_path: Path) -> None:
    precious = tmp_path / "dev"
    precious.mkdir()
    (precious / "null").write_text("precious")
    partial = tmp_path / "rootfs.partial"
    (partial / "dev").mkdir(parents=True)
    (partial / "half").write_text("x")
    subprocess.run(["mount", "--bind", precious, partial / "dev"], check=True)
    try:
        asterisk.clean(partial)
    finally:
        subprocess.run(["umount", "-l", partial / "dev"], check=False, capture_output=True)
    assert (precious / "null").read_text() == "precious"
    assert not partial.exists()


@as_root
def test_a_running_asterisk_is_not_replaced(tmp_path: Path, task: Task) -> None:
    settings = Settings(root=tmp_path, var=tmp_path / "var")
    settings.rootfs.mkdir(parents=True)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.chroot(settings.rootfs)
        os.write(go, b"1")
        signal.pause()
    try:
        os.read(ready, 1)
        with pytest.raises(SetupError, match=f"process {child}.*stop it first"):
            asterisk.install(settings, task)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(go)


@as_root
def test_without_root_one_line_says_what_is_missing() -> None:
    code = "from ivr.setup.system import need_root\nneed_root('apt-get install debootstrap')"
    done = subprocess.run(
        [sys.executable, "-c", f"import os\nfrom ivr.setup import system\nos.setuid({NOBODY})\n{code}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    line = done.stderr.splitlines()[-1]
    assert re.search(
        r"SetupError: not root: run this again .*; what is missing: apt-get install debootstrap$", line
    )


def test_packages_that_are_not_there_are_named() -> None:
    assert system.missing(("dpkg", "no-such-package")) == ["no-such-package"]


@pytest.mark.parametrize(
    "name", ["requirements.lock", "nlu/rasa.lock", "nlu/rasa-3.9.lock", "ivr/setup/uv.lock"]
)
def test_locks_hold_a_sum_for_every_package_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text and "index-url" not in text
    packages = re.split(r"\n(?=\S)", text.strip())
    assert packages
    for package in packages:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", package), package
        assert "--hash=sha256:" in package, package


def test_the_lock_has_the_packages_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    names = {
        re.split(r"[\s;<>=\[]", line)[0].lower().replace(".", "-").replace("_", "-") for line in required
    }
    assert names <= locked


def test_programs_of_set_up_can_be_started() -> None:
    for path in ("ivr/setup/bootstrap.sh", "ivr/setup/lock.sh", ".ci/run"):
        assert (ROOT / path).stat().st_mode & stat.S_IXUSR, path
        subprocess.run(["bash", "-n", ROOT / path], check=True)
