"""Installs PostgreSQL's programs from Debian for the tests.  The service itself needs only a database address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.setup import system
from ivr.setup.progress import Task

PACKAGE = "postgresql"
"""Debian's package of the version that it ships (15 in Debian 12)."""
PROGRAMS = Path("/usr/lib/postgresql")
CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")


def program(name: str) -> str:
    """Path of ``initdb`` or ``postgres`` in the newest installed version; raises SetupError when missing."""
    found = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise SetupError("PostgreSQL is not installed: make test installs it")
    return str(found[-1])


def present(settings: Settings) -> bool:
    """Whether the programs are installed."""
    return any(PROGRAMS.glob("*/bin/initdb"))


def install(settings: Settings, task: Task) -> Sequence[str]:
    """Install the programs without creating and starting Debian's default database server."""
    system.add(["postgresql-common"], task)
    before = CLUSTERS.read_text("utf-8")
    CLUSTERS.write_text(
        re.sub(r"(?m)^#?create_main_cluster.*$", "create_main_cluster = false", before), "utf-8"
    )
    try:
        system.add([PACKAGE], task)
    finally:
        CLUSTERS.write_text(before, "utf-8")
    return []
