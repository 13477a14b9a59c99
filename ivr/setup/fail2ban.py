"""Unpacks Debian's fail2ban for the tests of our filter.  It is not installed, so no daemon starts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ivr.core.settings import Settings
from ivr.setup.command import run
from ivr.setup.progress import Task

PACKAGE = "fail2ban"


def folder(settings: Settings) -> Path:
    """Folder that holds the unpacked package."""
    return settings.var / "fail2ban"


def present(settings: Settings) -> bool:
    """Whether the programs are unpacked."""
    return (folder(settings) / "usr/bin/fail2ban-regex").exists()


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Download and unpack the package; raises SetupError when apt-get fails."""
    target = folder(settings)
    draft = target.with_name("fail2ban.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    task.at(None, "apt-get download")
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", PACKAGE]
    run(command, what="apt-get download", env={"DEBIAN_FRONTEND": "noninteractive"}, cwd=draft)
    package = next(draft.glob("*.deb"))
    run(["dpkg-deb", "--extract", package, draft], what="dpkg-deb")
    package.unlink()
    shutil.rmtree(target, ignore_errors=True)
    draft.replace(target)
    return []
