"""The content as one bundle, and the one list of its files."""

from __future__ import annotations

import shutil
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from ivr.content.bundle import FOLDERS, PARTS, Content, findings
from ivr.core.errors import ConfigError
from ivr.core.settings import Settings, load
from ivr.core.yamlfile import Severity
from tests.conftest import ROOT

CHECKED = (
    "dialplans/callflow.yml",
    "nlu/faq/louvre.yml",
    "nlu/hotwords.yml",
    "nlu/emergency.yml",
    "nlu/urgency.yml",
    "nlu/languages.yml",
    "voices/phrases/es.yml",
)


@pytest.fixture
def copied(tmp_path: Path) -> Settings:
    for name in ("dialplans", "nlu", "voices"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return replace(load({}, ROOT), root=tmp_path)


def test_the_content_in_the_checkout_has_no_faults_and_every_part_exists() -> None:
    assert {found.severity for found in findings(ROOT)} <= {Severity.WARNING}
    assert [part.path for part in PARTS if not (ROOT / part.path).exists()] == []
    assert FOLDERS == ("dialplans", "nlu", "voices")


def test_it_is_frozen_and_its_clock_is_the_office_s(copied: Settings) -> None:
    content = Content.load(replace(copied, today="2026-11-24T10:00"))
    assert content.now().isoformat() == "2026-11-24T10:00:00+01:00"
    with pytest.raises(FrozenInstanceError):
        content.callflow = content.callflow  # type: ignore[misc]


@pytest.mark.parametrize("name", CHECKED)
def test_a_fault_in_any_file_is_found_and_refused(copied: Settings, name: str) -> None:
    with (copied.root / name).open("a", encoding="utf-8") as file:
        file.write("nonsense: 1\n")
    (found,) = [found for found in findings(copied.root) if found.severity is Severity.ERROR]
    assert found.file == name and "nonsense" in str(found)
    with pytest.raises(ConfigError, match=name):
        Content.load(copied)
