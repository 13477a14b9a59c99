"""``ivr voicemails``: the inbox on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core.settings import Settings, load
from ivr.store import inbox
from ivr.store.database import Store
from tests.conftest import ROOT
from tests.console.messages import leave, record


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"IVR_VAR": str(tmp_path / "var")}, ROOT)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Two messages of different days."""
    settings.state.mkdir(parents=True)
    opened = Store(settings.database)
    leave(opened, "20261123-1", ago_s=90_000.0)
    leave(opened, "20261124-1", "my passport", lang="en", urgency="passport")
    yield opened
    opened.close()


def ivr(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "IVR_VAR": str(settings.var), "IVR_ROOT": str(ROOT)}
    command = [sys.executable, "-m", "ivr.cli", "voicemails", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_messages_are_listed_oldest_first_and_by_state(settings: Settings, store: Store) -> None:
    inbox.change(store, "20261124-1", "take", "Ana")
    for arguments in ((), ("list",)):
        listed = [json.loads(line) for line in ivr(settings, *arguments, "--json").stdout.splitlines()]
        assert [row["id"] for row in listed] == ["20261123-1", "20261124-1"]
    (row,) = map(json.loads, ivr(settings, "--state", "taken", "--json").stdout.splitlines())
    assert (row["id"], row["owner"], row["urgency"]) == ("20261124-1", "Ana", "passport")
    shown = ivr(settings).stdout.splitlines()
    assert "taken (Ana)  URGENT: passport" in shown[2]
    assert shown[3].strip() == "automatic transcript: my passport"


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(settings: Settings, store: Store) -> None:
    done = ivr(settings, "take", "20261124", "--by", "Ana", "--note", "at once")
    assert (done.returncode, done.stdout) == (0, "") and "20261124-1: taken by Ana" in done.stderr
    both = ivr(settings, "take", "202611", "--by", "Ana")
    assert (both.returncode, both.stdout) == (2, "") and "no message 202611" in both.stderr
    assert inbox.history(store, "20261124-1")[0].note == "at once"


def test_what_is_refused_is_one_line_and_exit_1(settings: Settings, store: Store) -> None:
    ivr(settings, "take", "20261124-1", "--by", "Ana")
    late = ivr(settings, "take", "20261124-1", "--by", "Ben")
    assert late.returncode == 1 and late.stdout == ""
    assert late.stderr.splitlines()[-1].startswith("ivr: take is not possible: Ana has taken it")
    ivr(settings, "note", "20261124-1", "no answer yet", "--by", "Ben")
    assert ivr(settings, "answer", "20261124-1", "--by", "Ana").returncode == 0
    ivr(settings, "reopen", "20261124-1", "--by", "Ben")
    told = [(entry.by, entry.what) for entry in inbox.history(store, "20261124-1")]
    assert told == [("Ana", "take"), ("Ben", "note"), ("Ana", "answer"), ("Ben", "reopen")]


def test_a_sound_is_written_out(settings: Settings, store: Store, tmp_path: Path) -> None:
    content = record(settings, "20261124-1").read_bytes()
    out = tmp_path / "out.wav"
    assert ivr(settings, "play", "20261124-1", "--out", str(out)).returncode == 0
    assert out.read_bytes() == content
    gone = ivr(settings, "play", "20261123-1", "--out", str(out))
    assert gone.returncode == 2 and "not kept any more" in gone.stderr
