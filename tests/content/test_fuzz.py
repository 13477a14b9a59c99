"""Content files that somebody has broken: every one is read, or refused with findings, and never a crash."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.content import faq
from ivr.content.callflow import Callflow
from ivr.core import yamlfile
from ivr.core.yamlfile import Document, Severity, Strict
from tests.conftest import ROOT

FILES: dict[Path, type[Strict]] = {
    ROOT / "dialplans/callflow.yml": Callflow,
    ROOT / "nlu/faq/eiffel.yml": faq.Topic,
    ROOT / "nlu/hotwords.yml": faq.Hotwords,
}
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=20)
    | st.sampled_from(["9:00", "25:00", "fr", "+33", "2026-02-30", "{price}", "{", "*", "-1", "0", "eiffel.price"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=6,
)
PIECES = st.text(max_size=6) | st.sampled_from(
    [
        ":",
        "- ",
        "\n",
        "\t",
        "'",
        '"',
        "{",
        "[",
        "&a ",
        "*a",
        "!!python/object:os.system ",
        "<<: ",
        "#",
        "|",
        "\0",
    ]
)
fuzz = settings(max_examples=40, derandomize=True)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in it with each of its keys or indices."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found += [(value, key), *places(value[key])]
    return found


def read(folder: Path, original: Path, text: str) -> Document[Any]:
    """What the reader makes of it."""
    path = folder / original.name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return yamlfile.load(path, FILES[original], folder)


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def original(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("content")


def refused_or_read(document: Document[Any]) -> None:
    """Each finding says where, what and what to write."""
    assert document.model is not None or document.findings
    for finding in document.findings:
        assert finding.line >= 1 and finding.message and finding.hint and str(finding)


def test_the_files_themselves_are_read(original: Path, folder: Path) -> None:
    document = read(folder, original, original.read_text("utf-8"))
    assert document.model is not None
    assert not [finding for finding in document.findings if finding.severity == Severity.ERROR]


def test_any_value_anywhere(original: Path, folder: Path) -> None:
    whole = yaml.safe_load(original.read_text("utf-8"))

    @fuzz
    @given(st.data())
    def changed(data: st.DataObject) -> None:
        broken = copy.deepcopy(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            container, key = data.draw(st.sampled_from(places(broken) or [([None], 0)]))
            match data.draw(st.sampled_from(["replace", "remove", "add"])):
                case "replace":
                    container[key] = data.draw(VALUES)
                case "remove":
                    del container[key]
                case "add" if isinstance(container, dict):
                    container[data.draw(SCALARS)] = data.draw(VALUES)
        refused_or_read(read(folder, original, yaml.safe_dump(broken, allow_unicode=True)))

    changed()


def test_any_slip_of_the_hand(original: Path, folder: Path) -> None:
    text = original.read_text("utf-8")

    @fuzz
    @given(st.integers(0, len(text)), st.integers(0, 8), PIECES)
    def changed(at: int, without: int, piece: str) -> None:
        refused_or_read(read(folder, original, text[:at] + piece + text[at + without :]))

    changed()


@pytest.mark.parametrize(
    "text", ["", "---\n---\n", "[" * 2000, json.dumps({"a": 1}), "a: &x [*x]", "\ufeff", "\ud800"],
    ids=["empty", "two documents", "deep", "JSON", "in a circle", "BOM", "no UTF-8"],
)  # fmt: skip
def test_what_is_no_content_file_at_all(original: Path, folder: Path, text: str) -> None:
    document = read(folder, original, text)
    assert document.findings
    refused_or_read(document)
