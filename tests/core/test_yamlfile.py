"""YAML files: every mistake that an administrator can make becomes one clear line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ivr.core.errors import ConfigError
from ivr.core.yamlfile import Document, Strict, dump, load, raise_if_errors


class Inner(Strict):
    """Inner keys."""

    colour: str
    size: int = 1


class Sample(Strict):
    """A file of the tests."""

    name: str
    day: dt.date | None = None
    inner: dict[str, Inner] = {}
    words: list[str] = []


def read(tmp_path: Path, text: str) -> Document[Sample]:
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    return load(tmp_path / "a.yml", Sample, tmp_path)


def test_a_good_file_is_read_by_the_rules_of_yaml_1_2(tmp_path: Path) -> None:
    document = read(tmp_path, "name: no\nday: 2027-01-31\nwords: [yes, 9:00, '12', on]\n")
    assert document.findings == []
    assert document.model == Sample(name="no", day=dt.date(2027, 1, 31), words=["yes", "9:00", "12", "on"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "name: a\nnmae: b\n",
            "a.yml:2: unknown key 'nmae': did you mean 'name'? known here: name, day, inner",
        ),
        (
            "name: a\ninner:\n  x: {colour: red, sise: 2}\n",
            "a.yml:3: unknown key 'sise': did you mean 'size'?",
        ),
        ("day: 2027-01-31\n", "a.yml:1: 'name' is missing: add a line 'name: ...' here"),
        ("name: 12\n", "a.yml:1: 'name' is '12': write a text; in double quotes"),
        ("name: a\nday: soon\n", "a.yml:2: 'day' is 'soon': "),
        ("name: a\nday: 2027-02-30\n", "a.yml:2: 'day' is '2027-02-30': "),
        ("name: a\nwords: one\n", "a.yml:2: 'words' is 'one': write a list"),
        ("name: a\nwords:\n  - one\n  - 2\n", "a.yml:4: 'words' is '2': write a text"),
        ("name: a\ninner:\n  x:\n", "a.yml:3: 'x' is empty: write keys and values below it"),
        ("name: a\nday: 2027-01-31\nname: b\n", "a.yml:3: 'name' is written twice: keep one of the two"),
        ("name: a\n\tday: 2027-01-31\n", "a.yml:2: YAML: "),
        (
            "name: Attention : on ferme\n",
            "a.yml:1: YAML: mapping values are not allowed in this context: put",
        ),
        ('name: "a\n', "a.yml:"),
        ("name: *\n", "a.yml:1: YAML: "),
        ("", "a.yml:1: the file is empty"),
        ("- name\n", "a.yml:1: "),
    ],
)
def test_every_mistake_names_file_line_and_mend(tmp_path: Path, text: str, line: str) -> None:
    document = read(tmp_path, text)
    assert document.model is None or document.findings
    assert str(document.findings[0]).startswith(line), str(document.findings[0])
    assert "\n" not in str(document.findings[0])


def test_a_missing_and_a_foreign_file_are_findings(tmp_path: Path) -> None:
    missing = load(tmp_path / "b.yml", Sample, tmp_path)
    assert str(missing.findings[0]).startswith("b.yml:1: the file is missing")
    (tmp_path / "c.yml").write_bytes(b"name: a\nday: \xe9t\xe9\n")
    foreign = load(tmp_path / "c.yml", Sample, tmp_path)
    assert str(foreign.findings[0]) == "c.yml:2: not UTF-8 text: save the file as UTF-8"


def test_refuse_raises_with_every_error(tmp_path: Path) -> None:
    document = read(tmp_path, "nmae: b\nday: soon\n")
    with pytest.raises(ConfigError) as caught:
        raise_if_errors(document.findings, "the sample")
    assert len(caught.value.findings) == 3


class Written(Strict):
    texts: dict[str, str]
    numbers: list[int] = []


HARD = "yes no on ~ null 12 -3 1.5 1e5 0x1f 1_000 9:00 +34 2027-01-31 # {a} * & = <<".split() + [
    "",
    "a: b",
    "- x",
    "  indented",
    "two\nlines\n",
    "“Sacré-Cœur” 🗼",
    "\t",
    "x" * 300,
]
"""Texts that YAML would take for something else."""


@pytest.mark.parametrize("text", HARD)
def test_what_is_written_is_read_back_as_it_was(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.yml").write_text(dump({"texts": {text: text}, "numbers": [1, 2]}), "utf-8")
    assert load(tmp_path / "file.yml", Written, tmp_path).checked("the file").model_dump() == {
        "texts": {text: text}, "numbers": [1, 2],
    }  # fmt: skip
