"""Fixtures of the console's tests."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.core.settings import Settings, load
from tests.conftest import ROOT, Resident, free_ports
from tests.console.running_console import RunningConsole, open_console
from tests.store.conftest import database, postgresql, store

__all__ = ["database", "postgresql", "store"]  # fixtures


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an instance in a folder of its own."""
    names = ("console_port", "http_port", "ami_port", "rasa_port")
    ports = dict(zip(names, free_ports(socket.SOCK_STREAM, len(names)), strict=True))
    return dataclasses.replace(load({"IVR_VAR": str(tmp_path / "var")}, ROOT), **ports)  # type: ignore[arg-type]


@pytest.fixture
def console(settings: Settings, database: str, hold: Callable[[], Resident]) -> Iterator[RunningConsole]:
    """A running console on either database."""
    resident = hold()
    yield resident.enter(open_console(dataclasses.replace(settings, database_url=database)))
    resident.leave()
