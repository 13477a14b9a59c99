"""Published content: snapshots that later editing does not touch, switching, going back."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from ivr.content import versions
from ivr.content.bundle import FOLDERS
from ivr.core.errors import UsageError
from ivr.core.settings import Settings, load
from tests.conftest import ROOT


@pytest.fixture
def office(tmp_path: Path) -> Settings:
    """A checkout of its own with the real content, and a state of its own."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    settings = load(root=ROOT)
    return dataclasses.replace(settings, root=tmp_path, var=tmp_path / "var")


def published(office: Settings, note: str = "") -> int:
    number, draft = versions.snapshot(office)
    return versions.keep(office, number, draft, note, {"rendered": 0}).number


def test_before_the_first_publication_the_checkout_is_used(office: Settings) -> None:
    assert versions.current(office) == 0
    assert versions.root(office) == office.root
    assert versions.listed(office) == []


def test_a_generation_is_used_from_the_switch_on(office: Settings) -> None:
    number = published(office, "first")
    assert versions.root(office) == office.root
    versions.point(office, number)
    assert versions.root(office) == versions.path(office, number)


def test_editing_after_the_snapshot_does_not_reach_it(office: Settings) -> None:
    phrases = Path("voices/phrases/fr.yml")
    before = (office.root / phrases).read_text("utf-8")
    number, draft = versions.snapshot(office)
    (office.root / phrases).write_text("welcome: changed while it was being published\n", "utf-8")
    versions.keep(office, number, draft, "", {})
    assert (versions.path(office, number) / phrases).read_text("utf-8") == before


def test_generations_are_numbered_and_keep_their_facts(office: Settings) -> None:
    assert [published(office, note) for note in ("one", "two", "three")] == [1, 2, 3]
    assert [(item.number, item.note) for item in versions.listed(office)] == [
        (1, "one"), (2, "two"), (3, "three"),
    ]  # fmt: skip
    assert versions.listed(office)[0].facts == {"rendered": 0}


def test_a_snapshot_that_was_given_up_leaves_its_number_free(office: Settings) -> None:
    versions.snapshot(office)
    assert versions.snapshot(office)[0] == 1
    assert versions.listed(office) == []


def test_switching_to_what_is_not_there_changes_nothing(office: Settings) -> None:
    versions.point(office, published(office))
    with pytest.raises(UsageError, match="no generation 7"):
        versions.point(office, 7)
    assert versions.current(office) == 1


def test_back_to_the_files_as_edited(office: Settings) -> None:
    versions.point(office, published(office))
    versions.point(office, 0)
    assert versions.root(office) == office.root


def die_at(step: int, office: Settings) -> bool:
    """Publish in a process that is killed when it touches the disk for the ``step``-th time; whether it was."""
    child = os.fork()
    if child == 0:
        steps = iter(range(step))

        def touched(event: str, arguments: object) -> None:
            if event in ("open", "os.rename", "os.mkdir", "shutil.copyfile") and next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(touched)
        versions.point(office, published(office))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def test_a_power_cut_at_any_step_of_a_publication_leaves_a_whole_version_in_use(office: Settings) -> None:
    first = published(office)
    versions.point(office, first)
    step, killed = 0, True
    while killed:
        killed = die_at(step, office)
        now = versions.current(office)
        assert versions.damage(office, now) == ""
        assert [versions.damage(office, one.number) for one in versions.listed(office)] == [""] * len(
            versions.listed(office)
        )
        assert killed or now > first
        step += 1 if step < 3 else 29 if step < 1100 else 1
        assert step < 3000
