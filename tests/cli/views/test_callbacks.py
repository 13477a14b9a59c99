"""``ivr callbacks``: times are the office's, and a callback fits on two lines of a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from ivr.core.events import CallbackWanted, CallStarted, Stamped
from ivr.store.database import Store
from ivr.store.writer import write
from tests.conftest import ROOT, fresh_settings
from tests.store.calls import PSEUDONYMS

NINE_IN_PARIS = 1_795_507_200.0
"""24 November 2026, 8:00 UTC."""


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "UTC", "America/New_York"])
def test_windows_are_in_the_office_s_zone_on_any_machine(zone: str) -> None:
    settings = replace(fresh_settings(), database_url="")
    settings.state.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database)
    wanted = CallbackWanted(
        "c" * 32, "+33612345678", "fr", NINE_IN_PARIS, NINE_IN_PARIS + 14_400, "eiffel-tower.price"
    )
    story = [
        Stamped("call-1", 1, 0.0, CallStarted("0612345678", "a", "a-1")),
        Stamped("call-1", 2, 1.0, wanted),
    ]
    write(store, story, PSEUDONYMS)
    store.close()
    environment = {
        **os.environ,
        "TZ": zone,
        "IVR_INSTANCE": settings.instance,
        "IVR_DATABASE_URL": "",
        "COLUMNS": "80",
    }
    command = [sys.executable, "-m", "ivr.cli", "callbacks", "list"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert "2026-11-24 09:00-13:00" in lines[0] and len(lines) == 2, done.stdout
    assert max(map(len, lines)) <= 80
