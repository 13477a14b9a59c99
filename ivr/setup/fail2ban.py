"""fail2ban's own programs for the tests of our filter, from Debian: unpacked, not installed, so that nothing runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ivr.core.settings import Settings
from ivr.setup.command import run
from ivr.setup.progress import Task

PACKAGE = "fail2ban"


def folder(settings: Settings) -> Path:
    """Where it lies, as it would below /."""
    return settings.var / "fail2ban"


def present(settings: Settings) -> bool:
    """Whether its programs are there."""
    return (folder(settings) / "usr/bin/fail2ban-regex").exists()


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Fetch the package and unpack it."""
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
