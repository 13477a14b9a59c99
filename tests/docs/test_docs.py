"""The reference documents name every setting, command, option and event, and none that does not exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from ivr.cli import app
from ivr.core.events import EVENTS
from ivr.core.settings import SECRET_NAMES, Settings
from tests.conftest import ROOT

SETTINGS, COMMANDS, EVENTS_MD = (
    (ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("settings", "commands", "events")
)


def rows(text: str) -> dict[str, list[str]]:
    """Rows of the tables in it by their first cell, which is a name in code style."""
    found = re.findall(r"^\| `([^`]+)` \|(.+)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in found}


def sections(text: str) -> dict[str, str]:
    """Text by the heading above it."""
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


# settings


def variables() -> dict[str, object]:
    """Every setting's variable and its default."""
    return {f"IVR_{spec.name.upper()}": spec.default for spec in fields(Settings) if spec.name != "secrets"}


def used_in_code() -> set[str]:
    """Every variable of ours that a program or a template names."""
    files = [path for folder in ("ivr", "dialplans") for path in (ROOT / folder).rglob("*") if path.is_file()]
    texts = [path.read_text("utf-8") for path in [*files, ROOT / "Makefile"] if path.suffix != ".pyc"]
    return set(re.findall(r"\bIVR_[A-Z0-9_]*[A-Z0-9]\b", "\n".join(texts)))


@pytest.mark.parametrize("variable", sorted(variables()))
def test_every_setting_is_documented_with_its_default(variable: str) -> None:
    default, meaning = rows(SETTINGS)[variable]
    expected = variables()[variable]
    assert meaning
    if isinstance(expected, str | int):
        assert default == (f"`{expected}`" if expected else "none")


def test_every_variable_in_the_code_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"`(IVR_[A-Z0-9_]+)`", SETTINGS))
    assert documented == used_in_code() | set(variables())


def test_every_password_is_documented() -> None:
    assert set(SECRET_NAMES) <= set(rows(SETTINGS))


# commands


def commands() -> dict[str, Any]:
    """Every command that does something, by its full name."""
    found: dict[str, Any] = {}

    def walk(command: Any, name: str) -> None:
        inside = getattr(command, "commands", {})
        if not inside or command.invoke_without_command:
            found[name] = command
        for word, inner in inside.items():
            walk(inner, f"{name} {word}")

    walk(typer.main.get_command(app), "ivr")
    return found


def options(command: Any) -> set[str]:
    return {
        spelling for parameter in command.params for spelling in parameter.opts if spelling.startswith("--")
    }


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_documented_with_its_options(name: str) -> None:
    text = COMMANDS if name == "ivr" else sections(COMMANDS)[name]
    for option in options(commands()[name]) - {"--help"}:
        assert f"`{option}` |" in text, f"{name}: {option}"


def test_no_command_or_option_is_documented_that_does_not_exist() -> None:
    assert set(sections(COMMANDS)) == set(commands()) - {"ivr"}
    for name, text in sections(COMMANDS).items():
        steps = {"--quiet"} if name == "ivr call" else set()  # read in their order, not by typer
        assert set(rows(text)) == options(commands()[name]) - {"--help"} | steps, name


# events


def test_every_event_is_documented_and_no_other() -> None:
    assert set(sections(EVENTS_MD)) == set(EVENTS)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_field_of_an_event_is_documented_in_its_order(kind: str) -> None:
    documented = rows(sections(EVENTS_MD)[kind])
    assert list(documented) == [spec.name for spec in fields(EVENTS[kind])]
    assert all(cell for cells in documented.values() for cell in cells)


def test_the_fields_of_all_events_are_documented() -> None:
    assert {"call", "seq", "t", "kind"} <= set(rows(EVENTS_MD.partition("\n## ")[0]))


# all documents


@pytest.mark.parametrize(
    "document", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize(
    "document", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_commands_named_in_documents_exist(document: Path) -> None:
    for words in re.findall(r"(?:`|bin/)ivr ((?:[a-z]+ ?)+)", document.read_text("utf-8")):
        first = words.split()[0]
        assert any(name.split()[1:2] == [first] for name in commands()), f"{document.name}: ivr {words}"
