"""Installs the Debian packages that set-up and the service need on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.setup.command import run
from ivr.setup.progress import Task

TCPDUMP = "tcpdump"
"""Debian package of the program that captures the packets of benchmark calls."""
PACKAGES = ("ca-certificates", "debian-archive-keyring", "debootstrap", "gpgv")


def missing(packages: Sequence[str] = PACKAGES) -> list[str]:
    """Those of ``packages`` that are not installed."""
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [name for name in packages if name not in installed]


def present(settings: Settings) -> bool:
    """Whether all packages of set-up are installed."""
    return not missing()


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Install the missing packages of set-up; raises SetupError with the command to run when not root."""
    return add(PACKAGES, task)


def add(packages: Sequence[str], task: Task) -> Sequence[str]:
    """Install the missing ones of ``packages`` with apt-get; returns no lines for the operator."""
    absent = missing(packages)
    if not absent:
        return []
    need_root(f"apt-get install {' '.join(absent)}")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["dpkg", "--configure", "-a"], what="dpkg", env=env)  # finishes an interrupted installation
    task.at(None, "apt-get update")
    # apt-get update also succeeds when a list cannot be fetched; the packages may still be available
    run(["apt-get", "update", "-q"], what="apt-get update", env=env)
    task.at(0.3, f"apt-get install {' '.join(absent)}")
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *absent]
    run(command, what="apt-get install", env=env, line=lambda text: task.at(None, text[:60]))
    return []


def need_root(what: str) -> None:
    """Raise SetupError naming ``what`` is missing, unless this process runs as root."""
    if os.geteuid() != 0:
        hint = "with sudo" if shutil.which("sudo") else "as root (sudo is not installed either)"
        raise SetupError(f"not root: run this again {hint}; what is missing: {what}")


def debian_mirror() -> str:
    """Address of the Debian mirror that this machine uses; empty when apt has none."""
    chosen = os.environ.get("IVR_DEBIAN_MIRROR", "")
    if chosen:
        return chosen
    form = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    command = ["apt-get", "indextargets", f"--format={form}", "Created-By: Packages"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = [line.split()[3] for line in shown.splitlines() if line.startswith("Debian Debian main http")]
    return found[0] if found else ""
